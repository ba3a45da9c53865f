<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit\Php;

use Netresearch\NrVault\Outbound\Tests\Support\Memory\Reachable;
use Netresearch\NrVault\Transport\Secret\Secret;
use PHPUnit\Framework\TestCase;

final class SecretTest extends TestCase
{
    private const TEXT = 's3cr3t-9b1f';

    public function testNothingShowsIt(): void
    {
        $secret = new Secret(self::TEXT);
        ob_start();
        var_dump($secret);
        $texts = [
            (string) ob_get_clean(),
            print_r($secret, true),
            var_export($secret, true),
            (string) json_encode($secret),
            ...Reachable::strings([$secret]),
        ];

        self::assertStringNotContainsString(self::TEXT, implode("\n", $texts));
        self::assertSame(self::TEXT, $secret->expose());
    }

    public function testItIsNeitherCopiedNorSerialised(): void
    {
        $secret = new Secret(self::TEXT);
        foreach (
            [
                static fn (): object => clone $secret,
                static fn (): string => serialize($secret),
                static fn (): mixed => unserialize('O:' . strlen(Secret::class) . ':"' . Secret::class . '":0:{}'),
            ] as $number => $copy
        ) {
            try {
                $copy();
            } catch (\LogicException $refusal) {
                self::assertStringNotContainsString(self::TEXT, (string) $refusal);
                continue;
            }
            self::fail('It was copied, case ' . $number);
        }
    }

    public function testItIsGoneOnceItWasWiped(): void
    {
        $secret = new Secret(self::TEXT);
        $secret->wipe();
        $secret->wipe();

        $this->expectException(\LogicException::class);
        $secret->expose();
    }

    public function testAStringThatIsSharedIsOnlyLetGo(): void
    {
        $mine = bin2hex(random_bytes(16));
        $other = $mine;
        $before = strrev($mine);
        Secret::wipeString($mine);

        self::assertSame('', $mine);
        self::assertSame($before, strrev($other));
    }
}
