<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\System\NewFile;
use PHPUnit\Framework\TestCase;

final class NewFileTest extends TestCase
{
    private TempDir $directory;
    private string $file;

    protected function setUp(): void
    {
        $this->directory = new TempDir('new-file');
        $this->file = $this->directory->path . '/file';
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    /**
     * Once in this process, once in one without ext-posix, whose function is disabled.
     *
     * @testWith [0, ""]
     *           [63, ""]
     *           [0, "posix_mknod"]
     *           [63, "posix_mknod"]
     */
    public function testItHasItsModeWhateverTheUmask(int $mask, string $disabled): void
    {
        $code = 'require $argv[1]; require $argv[2]; umask((int) $argv[3]); '
            . 'exit(' . NewFile::class . '::make($argv[4], 0640) && umask() === (int) $argv[3] ? 0 : 1);';
        $sources = dirname((string) (new \ReflectionClass(NewFile::class))->getFileName());
        $arguments = [$sources . '/NewFile.php', $sources . '/LocalFile.php', (string) $mask, $this->file];
        $result = Process::run([PHP_BINARY, '-d', 'disable_functions=' . $disabled, '-r', $code, '--', ...$arguments]);

        self::assertSame(0, $result['code'], $result['output']);
        self::assertSame([0100640, 0], [fileperms($this->file), filesize($this->file)]);
    }

    /** In a thread-safe PHP, other threads would create their files with a mask that is changed for a moment. */
    public function testItChangesNoUmask(): void
    {
        $code = 'require $argv[1]; require $argv[2]; exit(' . NewFile::class . '::make($argv[3], 0600) ? 0 : 1);';
        $sources = dirname((string) (new \ReflectionClass(NewFile::class))->getFileName());
        $arguments = [$sources . '/NewFile.php', $sources . '/LocalFile.php', $this->file];
        $result = Process::run([PHP_BINARY, '-d', 'disable_functions=umask', '-r', $code, '--', ...$arguments]);

        self::assertSame(0, $result['code'], $result['output']);
    }

    public function testWhatIsThereIsKept(): void
    {
        file_put_contents($this->file, 'kept');
        symlink('nowhere', $this->directory->path . '/link');

        self::assertFalse(@NewFile::make($this->file, 0600));
        self::assertFalse(@NewFile::make($this->directory->path . '/link', 0600));
        self::assertSame('kept', file_get_contents($this->file));
        self::assertFileDoesNotExist($this->directory->path . '/nowhere');
    }
}
