<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Worker;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use PHPUnit\Framework\TestCase;

/**
 * Tests with a php-fpm of their own, whose worker calls one API that all tests of a class share.
 */
abstract class WorkerTestCase extends TestCase
{
    protected static Upstream $upstream;

    protected ?Worker $worker = null;

    public static function setUpBeforeClass(): void
    {
        self::$upstream = new Upstream();
    }

    public static function tearDownAfterClass(): void
    {
        self::$upstream->stop();
    }

    protected function tearDown(): void
    {
        $this->worker?->stop();
        $this->worker = null;
    }
}
