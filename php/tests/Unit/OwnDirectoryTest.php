<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\System\OwnDirectory;
use PHPUnit\Framework\TestCase;

/**
 * The cases that need no root. Those with other users are in RegistryCacheTest.
 */
final class OwnDirectoryTest extends TestCase
{
    private TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('own');
        mkdir($this->directory->path . '/a/b', 0755, true);
    }

    protected function tearDown(): void
    {
        chmod($this->directory->path . '/a', 0755);
        $this->directory->remove();
    }

    public function testADirectoryOfOnesOwnBelowAStickyOne(): void
    {
        self::assertNull(OwnDirectory::fault($this->directory->path . '/a/b'));
        self::assertNull(OwnDirectory::fault($this->directory->path . '/a/b/'));
    }

    /**
     * @testWith ["true", "a/c", "missing", "a/c"]
     *           ["touch f", "f", "no_directory", "f"]
     *           ["ln -s b a/l", "a/l", "no_directory", "a/l"]
     *           ["ln -s b a/l", "a/l/", "no_directory", "a/l"]
     *           ["ln -s a l", "l/b", "no_directory", "l"]
     *           ["chmod g+w a/b", "a/b", "permissions", "a/b"]
     *           ["chmod 1777 a/b", "a/b", "permissions", "a/b"]
     *           ["chmod o+w a", "a/b", "permissions", "a"]
     */
    public function testWhatOthersCouldChangeIsNamed(string $command, string $directory, string $reason, string $at): void
    {
        exec('cd ' . $this->directory->path . ' && ' . $command);
        $fault = @OwnDirectory::fault($this->directory->path . '/' . $directory);

        self::assertSame(['reason' => $reason, 'at' => $this->directory->path . '/' . $at], $fault);
    }

    /**
     * @testWith ["b"]
     *           [""]
     *           ["./b"]
     */
    public function testARelativePathIsNone(string $directory): void
    {
        self::assertSame('missing', @OwnDirectory::fault($directory)['reason'] ?? null);
    }

    public function testTheRootDirectoryIsRoots(): void
    {
        self::assertNull(OwnDirectory::fault('/'));
    }

    public function testTheUserIsThatOfTheProcess(): void
    {
        self::assertSame(posix_geteuid(), OwnDirectory::user());
        $withoutPosix = [PHP_BINARY, '-d', 'disable_functions=posix_geteuid', '-r', 'require $argv[1] . "/autoload.php"; echo '
            . OwnDirectory::class . '::user();', dirname(__DIR__, 2)];
        self::assertSame((string) posix_geteuid(), exec(implode(' ', array_map(escapeshellarg(...), $withoutPosix))));
    }
}
