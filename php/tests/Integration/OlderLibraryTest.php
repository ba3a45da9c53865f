<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Double\OtherLibrary;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * A library of this ABI version that lacks one function of a later release; each test runs PHP in a process of its own.
 */
final class OlderLibraryTest extends TestCase
{
    private const SCRIPT = <<<'PHP'
        require $argv[1];
        use Netresearch\NrVault\Transport\NativeLibrary;
        try {
            NativeLibrary::bind($argv[2]);
            echo 'bound, ', NativeLibrary::version(), ', ', json_encode([NativeLibrary::canCheck(), NativeLibrary::canDecide(), NativeLibrary::canStream()]), "\n";
            NativeLibrary::check(1, '{}', '');
        } catch (\RuntimeException $failure) {
            echo $failure->getCode(), "\n";
        }
        PHP;

    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('older');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    public function testWhatNoCallNeedsMayBeMissing(): void
    {
        self::assertSame("bound, other, [false,true,true]\n2\n", $this->bound('secure_outbound_check'));
        self::assertStringStartsWith("bound, other, [true,false,false]\n", $this->bound('secure_outbound_decide'));
        self::assertStringStartsWith("bound, other, [true,true,false]\n", $this->bound('secure_outbound_wait'));
    }

    public function testWhatACallNeedsMayNot(): void
    {
        self::assertSame("2\n", $this->bound('secure_outbound_explain'));
    }

    public function testThisOneLacksNothing(): void
    {
        $answer = self::inAProcess(Build::library());

        self::assertMatchesRegularExpression('/\Abound, \S+, \[true,true,true\]\n\z/', $answer);
    }

    private function bound(string $without): string
    {
        return self::inAProcess(OtherLibrary::build($this->directory, $without, 1));
    }

    private static function inAProcess(string $library): string
    {
        $autoload = Build::php() . '/autoload.php';
        return Process::run([PHP_BINARY, '-r', self::SCRIPT, $autoload, $library])['output'];
    }
}
