<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Integration;

use Netresearch\NrSecureOutbound\Tests\Support\Browser;
use Netresearch\NrSecureOutbound\Tests\Support\Site;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\TempDir;
use Netresearch\NrVault\Transport\Rust\LibraryLocator;
use PHPUnit\Framework\Attributes\Test;
use PHPUnit\Framework\TestCase;

/**
 * make demo-typo3: a site that stays until somebody ends it.
 */
final class DemoTest extends TestCase
{
    private const STAYS = 'It stays until Ctrl-C.';

    #[Test]
    public function itStaysUntilCtrlCAndLeavesNothing(): void
    {
        $directory = new TempDir('demo-test');
        mkdir($directory->path . '/tmp');
        chmod($directory->path . '/tmp', 01777);
        $demo = new Process(
            [PHP_BINARY, dirname(__DIR__) . '/demo.php', Site::packages()],
            $directory->path . '/log',
            [LibraryLocator::ENVIRONMENT => Build::library(), 'TMPDIR' => $directory->path . '/tmp'],
        );
        try {
            Poll::until(static fn (): bool => str_contains($demo->log(), self::STAYS) || !$demo->isRunning(), 'the demo', 300);
            self::assertStringNotContainsString('FAILED', $demo->log());
            self::assertSame(5, substr_count($demo->log(), "\nok "), $demo->log());
            self::assertSame(1, preg_match('~(http://127\.0\.0\.1:\d+)(/outbound-test\S+)~', $demo->log(), $address), $demo->log());
            $answer = (new Browser($address[1]))->get($address[2])['body'];
            self::assertSame(201, ((array) json_decode($answer, true))['status'] ?? null, $answer);
            self::assertNotSame([], self::processesIn($directory->path . '/tmp'));

            posix_kill($demo->pid, SIGINT);

            self::assertSame(128 + SIGINT, $demo->exitCode());
            Poll::until(static fn (): bool => self::processesIn($directory->path . '/tmp') === [], 'the end of all that it started');
            self::assertSame(['.', '..'], scandir($directory->path . '/tmp'));
        } finally {
            $demo->stop();
            $directory->remove();
        }
    }

    /**
     * @return list<string> the command lines of processes that name the directory
     */
    private static function processesIn(string $directory): array
    {
        $lines = array_map(static fn (string $file): string => (string) @file_get_contents($file), glob('/proc/[0-9]*/cmdline') ?: []);
        return array_values(array_filter($lines, static fn (string $line): bool => str_contains($line, $directory)));
    }
}
