<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Unit\Configuration;

use Netresearch\NrSecureOutbound\Configuration\HostList;
use PHPUnit\Framework\Attributes\DataProvider;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

final class HostListTest extends TestCase
{
    /**
     * @return array<string, array{list<string>|null, list<string>|null, list<string>|null}>
     */
    public static function pairs(): array
    {
        return [
            'no ceiling' => [null, null, null],
            'one' => [['a.example'], null, ['a.example']],
            'the other' => [null, ['a.example'], ['a.example']],
            'nothing' => [[], ['a.example'], []],
            'the same' => [['a.example', 'b.example'], ['B.example', 'c.example'], ['b.example']],
            'a wildcard' => [['*.example'], ['a.example', 'b.a.example', 'example', 'aexample'], ['a.example', 'b.a.example']],
            'a narrower wildcard' => [['*.example'], ['*.a.example'], ['*.a.example']],
            'the same wildcard' => [['*.a.example'], ['*.a.example'], ['*.a.example']],
            'its apex' => [['*.a.example'], ['a.example'], []],
            'ports' => [['a.example:8443', '*.example:8443'], ['a.example', 'b.example:8443'], ['b.example:8443']],
            'the port of https' => [['a.example', '*.b.example:443'], ['a.example:443', 'x.b.example'], ['a.example:443', 'x.b.example:443']],
            'the port of http, which both would have to name' => [['a.example'], ['a.example:80'], []],
            'a literal' => [['[::1]:8080'], ['[::1]:8080', '[::1]'], ['[::1]:8080']],
        ];
    }

    /**
     * @param list<string>|null $first
     * @param list<string>|null $second
     * @param list<string>|null $common
     */
    #[Test]
    #[DataProvider('pairs')]
    public function whatBothAllowIsAllowed(?array $first, ?array $second, ?array $common): void
    {
        self::assertSame($common, HostList::intersection($first, $second));
        $reversed = HostList::intersection($second, $first);
        self::assertEqualsCanonicalizing($common ?? [], array_map(strtolower(...), $reversed ?? []));
        self::assertSame($common === null, $reversed === null);
    }

    #[Test]
    public function anEntryIsAHostWithOrWithoutAPort(): void
    {
        foreach (['a.example', '*.a.example', 'a.example:443', '[::1]', '[2001:db8::1]:443', 'xn--bcher-kva.example', 'bücher.example'] as $entry) {
            self::assertTrue(HostList::isEntry($entry), $entry);
        }
        foreach (['', '*', 'https://a.example', 'a.example/', 'a b', 'u@a.example', 'a.*.example', 'a:b:c', 'a?b'] as $entry) {
            self::assertFalse(HostList::isEntry($entry), $entry);
        }
    }
}
