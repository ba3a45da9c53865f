<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Cli\Refusal;
use PHPUnit\Framework\TestCase;

final class RefusalTest extends TestCase
{
    public function testEveryCodeOfTheTableHasARemedy(): void
    {
        $page = (string) file_get_contents(dirname(__DIR__, 3) . '/docs/wire.md');
        preg_match_all('/^\| `([a-z_]+\.[a-z_]+)` \|/m', $page, $rows, PREG_SET_ORDER);
        $codes = [];
        foreach ($rows as [, $code]) {
            // Warnings and keys of a configuration have tables as well.
            if (preg_match('/^(key_|memory\.|token_cache\.|tls\.((no_)?roots|crl_file))/', $code) !== 1) {
                $codes[] = $code;
            }
        }
        $without = array_filter(
            $codes,
            static fn (string $code): bool => str_starts_with(Refusal::remedy($code), 'docs/'),
        );

        self::assertGreaterThan(35, count($codes));
        self::assertSame([], array_values($without));
    }
}
