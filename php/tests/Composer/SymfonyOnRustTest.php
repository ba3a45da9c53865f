<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

/**
 * @group composer
 */
final class SymfonyOnRustTest extends SymfonyContractTestCase
{
    protected function transport(): string
    {
        return 'rust';
    }
}
