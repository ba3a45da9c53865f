<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Transport\Rust\LibraryLocator;
use PHPUnit\Framework\TestCase;

final class LibraryLocatorTest extends TestCase
{
    private string|false $before;

    protected function setUp(): void
    {
        $this->before = getenv(LibraryLocator::ENVIRONMENT, true);
    }

    protected function tearDown(): void
    {
        putenv(LibraryLocator::ENVIRONMENT . ($this->before === false ? '' : '=' . $this->before));
    }

    public function testAnExplicitPathComesFirst(): void
    {
        putenv(LibraryLocator::ENVIRONMENT . '=/from/environment.so');

        self::assertSame('/explicit.so', LibraryLocator::locate('/explicit.so'));
    }

    public function testTheEnvironmentComesSecond(): void
    {
        putenv(LibraryLocator::ENVIRONMENT . '=/from/environment.so');

        self::assertSame('/from/environment.so', LibraryLocator::locate());
        self::assertSame('/from/environment.so', LibraryLocator::locate(''));
    }

    public function testTheLoadersPathComesLast(): void
    {
        putenv(LibraryLocator::ENVIRONMENT);
        self::assertSame('libsecure_outbound.so', LibraryLocator::locate());

        putenv(LibraryLocator::ENVIRONMENT . '=');
        self::assertSame('libsecure_outbound.so', LibraryLocator::locate());
    }
}
