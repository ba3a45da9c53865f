<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use PHPUnit\Framework\TestCase;

/**
 * php/bin/secure-outbound as a process of its own.
 */
abstract class CommandTestCase extends TestCase
{
    protected TempDir $directory;

    protected function setUp(): void
    {
        $this->directory = new TempDir('cli');
    }

    protected function tearDown(): void
    {
        $this->directory->remove();
    }

    /**
     * @param list<string> $arguments
     * @param array<string, string> $environment
     * @param list<string> $php options of PHP itself
     * @return array{code: int, output: string} with standard output and standard error in one text
     */
    protected static function command(
        array $arguments,
        #[\SensitiveParameter] string $input = '',
        array $environment = [],
        array $php = [],
        ?string $program = null,
    ): array {
        return Process::run(
            [PHP_BINARY, ...$php, $program ?? Build::php() . '/bin/secure-outbound', ...$arguments],
            $environment + ['SECURE_OUTBOUND_LIBRARY' => Build::library()],
            $input,
        );
    }

    /**
     * The same, for a call that has to succeed.
     *
     * @param list<string> $arguments
     * @param array<string, string> $environment
     */
    protected static function printed(
        array $arguments,
        #[\SensitiveParameter] string $input = '',
        array $environment = [],
    ): string {
        $result = self::command($arguments, $input, $environment);
        self::assertSame(0, $result['code'], $result['output']);
        return $result['output'];
    }

    /**
     * The envelope that `seal` prints, without its warnings.
     *
     * @param list<string> $arguments
     * @param array<string, string> $environment
     */
    protected static function envelope(
        array $arguments,
        #[\SensitiveParameter] string $input,
        array $environment = [],
    ): string {
        $output = self::printed(['seal', ...$arguments], $input, $environment);
        self::assertSame(1, preg_match('/^nrv1:\S+$/m', $output, $envelope), $output);
        return $envelope[0];
    }

    /** Writes a document and returns its path. */
    protected function json(string $name, mixed $document): string
    {
        return $this->directory->write($name, (string) json_encode($document, JSON_UNESCAPED_SLASHES));
    }

    /** Writes a key file as an operator does, and returns its path. */
    protected function keyFile(#[\SensitiveParameter] ?string $contents = null, int $mode = 0400): string
    {
        return $this->directory->write('vault.key', $contents ?? base64_encode(random_bytes(32)), $mode);
    }
}
