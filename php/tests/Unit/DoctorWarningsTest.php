<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Cli\Doctor\Configuration;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\Mend;
use PHPUnit\Framework\TestCase;

/**
 * Warnings of `open` that no machine of the tests gives.
 */
final class DoctorWarningsTest extends TestCase
{
    public function testMemoryThatCannotBeLocked(): void
    {
        $head = ['version' => 1, 'warnings' => [['code' => 'memory.not_locked', 'message' => 'The limit.']]];
        $wrong = array_filter(
            Configuration::judge('fpm', $head, Mend::ofThisHost(null, [], null)),
            static fn (Finding $finding): bool => $finding->verdict !== Finding::OK,
        );

        self::assertCount(1, $wrong);
        $finding = reset($wrong);
        self::assertSame(['fpm.memory.not_locked', Finding::WARNING], [$finding->code, $finding->verdict]);
        self::assertStringContainsString('LimitMEMLOCK', $finding->remedy);
    }
}
