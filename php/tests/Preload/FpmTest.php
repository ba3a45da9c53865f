<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Worker;

/**
 * A real php-fpm with ffi.enable=preload, in each of the documented ways to bind the library.
 *
 * @group root
 */
final class FpmTest extends WorkerTestCase
{
    /**
     * @return array<string, array{bool, bool}>
     */
    public static function bindings(): array
    {
        return Worker::BINDINGS;
    }

    /**
     * @dataProvider bindings
     */
    public function testAWorkerSendsWithTheCredential(bool $unprivileged, bool $load): void
    {
        $this->worker = new Worker(self::$upstream, $unprivileged, $load);
        $answer = $this->worker->send();

        self::assertSame('fpm-fcgi', $answer['sapi']);
        self::assertSame($unprivileged ? 33 : 0, $this->owner($this->worker->fpm->master->pid), 'owner of the master');
        self::assertSame(33, $this->owner($answer['pid']), 'owner of the worker');
        self::assertSame(200, $answer['results'][0]['status'] ?? $answer['results'][0]);
        self::assertSame('Bearer tok-7f3a', $answer['results'][0]['seen']['headers']['authorization']);
        self::assertSame('/v1/echo', $answer['results'][0]['template']);
        self::assertSame(base64_encode('{"a":1}'), $answer['results'][0]['seen']['body']);
        self::assertSame('rust-ffi', $answer['results'][0]['audit']['transport']);
    }

    /**
     * @dataProvider bindings
     */
    public function testAConnectionLivesOnInTheNextRequestOfTheWorker(bool $unprivileged, bool $load): void
    {
        $this->worker = new Worker(self::$upstream, $unprivileged, $load);
        $first = $this->worker->send();
        $second = $this->worker->send();

        self::assertSame($first['pid'], $second['pid']);
        self::assertFalse($first['results'][0]['audit']['connection_reused']);
        self::assertTrue($second['results'][0]['audit']['connection_reused']);
        self::assertSame($first['results'][0]['seen']['port'], $second['results'][0]['seen']['port']);
    }

    /**
     * @dataProvider bindings
     */
    public function testAFileThatIsNotPreloadedReachesNothing(bool $unprivileged, bool $load): void
    {
        $this->worker = new Worker(self::$upstream, $unprivileged, $load);
        $report = $this->worker->run('attack.php')->json();

        AttackReport::assertNothingReached($report);
    }

    /**
     * @dataProvider bindings
     */
    public function testAKilledWorkerIsReplacedByOneThatWorks(bool $unprivileged, bool $load): void
    {
        $this->worker = new Worker(self::$upstream, $unprivileged, $load);
        $first = $this->worker->send();
        posix_kill($first['pid'], SIGKILL);
        // Until the worker has ended, it could still accept the next request.
        Poll::until(static fn (): bool => !posix_kill($first['pid'], 0), 'the end of the worker');
        $second = $this->worker->send();

        self::assertNotSame($first['pid'], $second['pid']);
        self::assertSame(200, $second['results'][0]['status'] ?? $second['results'][0]);
        self::assertFalse($second['results'][0]['audit']['connection_reused']);
    }

    /**
     * @dataProvider bindings
     */
    public function testTwoWorkersShareNothing(bool $unprivileged, bool $load): void
    {
        $this->worker = new Worker(self::$upstream, $unprivileged, $load, workers: 2);
        $directory = $this->worker->host->directory->path . '/hold';
        mkdir($directory) && chmod($directory, 0777);
        $hold = $directory . '/go';
        $requests = [$this->worker->start(2, hold: $hold), $this->worker->start(2, hold: $hold)];
        // Both scripts are waiting at the same time, so they run in two workers.
        Poll::until(static fn (): bool => count(glob($hold . '.[0-9]*') ?: []) === 2, 'two workers that hold');
        touch($hold);
        $answers = array_map(static fn ($request): array => $request->json(), $requests);

        self::assertNotSame($answers[0]['pid'], $answers[1]['pid']);
        $ports = [];
        foreach ($answers as $answer) {
            self::assertSame([false, true], array_map(
                static fn (array $result): bool => $result['audit']['connection_reused'],
                $answer['results'],
            ));
            self::assertSame($answer['results'][0]['seen']['port'], $answer['results'][1]['seen']['port']);
            $ports[] = $answer['results'][0]['seen']['port'];
        }
        self::assertNotSame($ports[0], $ports[1], 'each worker has its own connection');
    }

    /**
     * @dataProvider bindings
     */
    public function testAReloadServesTheLibraryThatWasPutThereByRename(bool $unprivileged, bool $load): void
    {
        $this->worker = new Worker(self::$upstream, $unprivileged, $load);
        $before = $this->worker->send();
        $old = (int) fileinode($this->worker->host->installation->library);
        self::assertSame($old, Host::mappedLibrary($before['pid']));

        $new = $this->worker->host->installation->replaceLibrary();
        self::assertNotSame($old, $new);
        $untouched = $this->worker->send();
        self::assertSame($before['pid'], $untouched['pid']);
        self::assertSame($old, Host::mappedLibrary($untouched['pid']), 'before the reload the old file serves');

        $master = $this->worker->fpm->master->pid;
        posix_kill($master, SIGUSR2);
        Poll::until(static fn (): bool => !posix_kill($before['pid'], 0), 'the end of the old worker');
        $after = $this->worker->send();

        self::assertNotSame($before['pid'], $after['pid']);
        self::assertTrue($this->worker->fpm->master->isRunning());
        self::assertSame($new, Host::mappedLibrary($master));
        self::assertSame($new, Host::mappedLibrary($after['pid']));
        self::assertSame(200, $after['results'][0]['status'] ?? $after['results'][0]);
    }

    public function testARefusalShowsNoSecretAndNoArguments(): void
    {
        $this->worker = new Worker(self::$upstream);
        $answer = $this->worker->send(path: '/elsewhere');
        $result = $answer['results'][0];

        self::assertSame('policy.path_not_allowed', $result['code']);
        self::assertSame('policy.path_not_allowed', $result['audit']['error_code']);
        foreach (['tok-7f3a', 'nrv1:', 'vault.key'] as $canary) {
            self::assertStringNotContainsString($canary, $result['dump']);
        }
    }

    /**
     * @dataProvider faults
     * @param array<string, string|null> $ini
     */
    public function testWhatIsMissingIsNamed(array $ini, string $message): void
    {
        $this->worker = new Worker(self::$upstream, ini: $ini);
        $report = $this->worker->run('report.php')->json();

        self::assertSame('configuration.transport_unavailable', $report['code']);
        self::assertSame($message . ' [configuration.transport_unavailable]', $report['message']);
    }

    /**
     * @return iterable<string, array{array<string, string|null>, string}>
     */
    public static function faults(): iterable
    {
        yield 'ffi.enable is off' => [
            ['ffi.enable' => '0', 'ffi.preload' => null],
            'ffi.enable is off: set ffi.enable=preload',
        ];
        yield 'no opcache.preload' => [
            ['opcache.preload' => null],
            'opcache.preload is empty: set it to the preload.php of this package',
        ];
        yield 'opcache is off' => [
            ['opcache.enable' => '0'],
            'this class is not preloaded: opcache must be on, and opcache.preload must load preload.php of this '
                . 'package',
        ];
        yield 'no ffi.preload' => [
            ['ffi.preload' => null],
            'ffi.preload is empty: set it to the installed secure_outbound.h',
        ];
    }

    public function testFfiLoadUnderARootMasterIsReportedAndStopsNothing(): void
    {
        $this->worker = new Worker(self::$upstream, load: true);
        $report = $this->worker->run('report.php')->json();

        self::assertSame('configuration.transport_unavailable', $report['code']);
        self::assertStringContainsString('ffi.preload is empty', $report['message']);
        self::assertStringContainsString('FFI::load failed for SECURE_OUTBOUND_HEADER', $this->worker->fpm->log());
    }

    private function owner(int $pid): int
    {
        return (int) fileowner('/proc/' . $pid);
    }
}
