<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Tests\Composer\SymfonyContractTestCase;

/**
 * The test case of the contracts that Debian has: 2.5 in Debian 12. That of Composer is run in tests/Composer.
 */
final class SymfonyContracts2Test extends SymfonyContractTestCase
{
    public static function setUpBeforeClass(): void
    {
        // Of Symfony's own server.
        require_once 'Symfony/Component/Process/autoload.php';
        parent::setUpBeforeClass();
    }

    protected function transport(): string
    {
        return 'rust';
    }
}
