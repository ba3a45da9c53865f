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
        // Warnings and keys of a configuration have tables as well, above.
        $errors = (string) strstr($page, "\n## Errors\n");
        preg_match_all('/^\| `([a-z_]+\.[a-z_]+)` \|/m', $errors, $rows);
        $codes = $rows[1];
        $without = array_filter(
            $codes,
            static fn (string $code): bool => str_starts_with(Refusal::remedy($code), 'docs/'),
        );

        self::assertGreaterThan(35, count($codes));
        self::assertSame([], array_values($without));
    }
}
