<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

/**
 * @group composer
 */
final class SymfonyOnPhpTest extends SymfonyContractTestCase
{
    protected function transport(): string
    {
        return 'php';
    }
}
