<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Cli\Console\Refusal;
use Netresearch\NrVault\Outbound\Exception\ErrorCode;
use PHPUnit\Framework\TestCase;

final class RefusalTest extends TestCase
{
    public function testEveryCodeOfTheTableHasARemedy(): void
    {
        $codes = array_column(ErrorCode::cases(), 'value');
        $without = array_filter(
            $codes,
            static fn (string $code): bool => str_starts_with(Refusal::remedy($code), 'docs/'),
        );

        self::assertGreaterThan(35, count($codes));
        self::assertSame([], array_values($without));
    }
}
