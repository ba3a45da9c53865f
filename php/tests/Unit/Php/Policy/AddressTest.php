<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php\Policy;

use Netresearch\NrVault\Outbound\Tests\Contract\Vectors;
use Netresearch\NrVault\Transport\Php\Policy\Address;
use Netresearch\NrVault\Transport\Php\Policy\AddressRules;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use Netresearch\NrVault\Transport\Php\Policy\Host;
use Netresearch\NrVault\Transport\Php\Policy\InternalHost;
use Netresearch\NrVault\Transport\Php\Policy\InternalHosts;
use PHPUnit\Framework\TestCase;

/**
 * The address guard against the shared vectors, and the hosts that the configuration excepts from it.
 */
final class AddressTest extends TestCase
{
    public function testEveryAddressHasItsVerdictAsAnAnswerAndAsALiteral(): void
    {
        $addresses = Vectors::read('addresses.json')['addresses'];
        self::assertCount(212, $addresses);
        $hosts = InternalHosts::read([]);
        $named = Host::parse('api.example.com');
        foreach ($addresses as ['address' => $text, 'verdict' => $verdict, 'why' => $why]) {
            $address = Address::parse($text);
            self::assertNotNull($address, $text);
            self::assertSame(inet_pton($text), $address->bytes, $text);
            $literal = Canonicalizer::fromUrl('https://' . Host::ofAddress($address)->text . '/');
            $code = $verdict === 'allowed' ? null : 'policy.address_not_allowed';
            self::assertSame($verdict === 'blocked', AddressRules::classify($address) !== null, "$text ($why)");
            self::assertSame($code, self::code(fn () => $hosts->judge($named, [$address])), $text);
            $two = [Address::parse('93.184.216.34'), $address];
            self::assertSame($code, self::code(fn () => $hosts->judge($named, $two)), $text);
            self::assertSame($code, self::code(fn () => $hosts->judgeHost($literal->origin->host)), $text);
        }
    }

    public function testEveryHostIsRefusedWithoutResolving(): void
    {
        $hosts = Vectors::read('addresses.json')['hosts'];
        self::assertCount(26, $hosts);
        foreach ($hosts as ['host' => $host, 'verdict' => $verdict, 'why' => $why]) {
            self::assertSame('blocked', $verdict, $host);
            $code = self::code(static function () use ($host): void {
                $target = Canonicalizer::fromUrl("https://$host/v1");
                InternalHosts::read([])->judgeHost($target->origin->host);
            });
            self::assertContains($code, ['invalid_request.malformed', 'policy.address_not_allowed'], "$host ($why)");
        }
    }

    /** @dataProvider reasons */
    public function testARefusalSaysWhy(string $address, ?string $reason): void
    {
        self::assertSame($reason, AddressRules::classify(Address::parse($address))?->value);
    }

    /** @return iterable<array{string, string|null}> */
    public static function reasons(): iterable
    {
        foreach (PolicyVectors::section('reasons') as $case) {
            yield $case[0] => $case;
        }
    }

    public function testWhatIsNoAddressIsNone(): void
    {
        foreach (['', '1.2.3', '01.2.3.4', '1.2.3.4 ', '::1%lo', '[::1]', '1:2', ':', '1.2.3.4:80', "1.2.3.4\n"] as $text) {
            self::assertNull(Address::parse($text), $text);
        }
    }

    /** @dataProvider internalHosts */
    public function testEntriesOfInternalHosts(array $entry, bool $isSound): void
    {
        $code = self::code(static fn () => InternalHost::read(0, $entry));
        self::assertSame($isSound ? null : 'configuration.invalid', $code);
    }

    /** @return iterable<string, array<mixed>> */
    public static function internalHosts(): iterable
    {
        return PolicyVectors::cases('internal_hosts');
    }

    public function testEntriesOfAnotherFormAreRefused(): void
    {
        $entry = ['host' => 'a.internal', 'networks' => ['10.0.0.0/8'], 'ports' => [80]];
        $changes = [['host' => 1], ['networks' => 'x'], ['networks' => [1]], ['networks' => ['a' => '10.0.0.0/8']]];
        $changes = [...$changes, ['ports' => ['80']], ['ports' => [65536]], ['ports' => [-1]], ['port' => [80]]];
        foreach ($changes as $change) {
            $code = self::code(static fn () => InternalHosts::read([$change + $entry]));
            self::assertSame('configuration.invalid', $code, json_encode($change));
        }
        $twice = [$entry, ['host' => 'A.internal.', 'ports' => [81]] + $entry];
        foreach ([$twice, [['host' => 'a']], ['a.internal'], 'a', null, ['a' => $entry]] as $list) {
            self::assertSame('configuration.invalid', self::code(static fn () => InternalHosts::read($list)));
        }
    }

    public function testAnInternalHostStaysInItsNetworks(): void
    {
        $entry = ['host' => 'Ollama.internal.', 'networks' => ['172.18.0.0/16', 'fd12::/16'], 'ports' => [11434]];
        $hosts = InternalHosts::read([$entry]);
        $host = Host::parse('ollama.internal');
        $code = static fn (string ...$texts): ?string => self::code(
            static fn () => $hosts->judge($host, array_map(Address::parse(...), $texts)),
        );
        self::assertNull($code('172.18.0.5'));
        self::assertNull($code('172.18.0.5', 'fd12::1'));
        $bad = [['172.19.0.1'], ['172.18.0.5', '10.0.0.1'], ['8.8.8.8'], ['127.0.0.1'], ['::ffff:172.18.0.5'], []];
        foreach ($bad as $texts) {
            self::assertSame('policy.address_not_allowed', $code(...$texts), implode(' ', $texts));
        }
        self::assertNotNull($hosts->find($host, 11434));
        self::assertNull($hosts->find($host, 443));
    }

    public function testASpecialNameIsJudgedByItsEntryWhereItHasOne(): void
    {
        $hosts = InternalHosts::read([['host' => 'localhost', 'networks' => ['127.0.0.0/8'], 'ports' => [8080]]]);
        $code = static fn (InternalHosts $hosts, string $name): ?string => self::code(
            static fn () => $hosts->judgeHost(Host::parse($name)),
        );
        self::assertSame('policy.address_not_allowed', $code(InternalHosts::read([]), 'localhost'));
        self::assertNull($code($hosts, 'localhost'));
        self::assertSame('policy.address_not_allowed', $code($hosts, 'a.localhost'));
    }

    private static function code(\Closure $do): ?string
    {
        return PolicyVectors::verdict(static function () use ($do): array {
            $do();
            return ['', null];
        })['code'];
    }
}
