<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Docs;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use PHPUnit\Framework\TestCase;

/**
 * The README's picture shows what the demo prints today.
 *
 * @group root
 */
final class PictureTest extends TestCase
{
    public function testThePictureIsOfThisDemo(): void
    {
        $result = Process::run([PHP_BINARY, dirname(Build::php()) . '/tests/demo/picture.php', '--check']);

        self::assertSame(['code' => 0, 'output' => ''], $result);
    }
}
