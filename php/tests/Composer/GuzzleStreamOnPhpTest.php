<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Composer;

/**
 * @group composer
 */
final class GuzzleStreamOnPhpTest extends GuzzleStreamTestCase
{
    protected function transport(): string
    {
        return 'php';
    }
}
