<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Preload;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Poll;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Worker;
use Netresearch\NrVault\Transport\PackageVersion;

/**
 * preload-all.php in a real php-fpm: all classes of a call are preloaded, and an update without a reload of php-fpm is refused.
 *
 * @group root
 */
final class PreloadAllTest extends WorkerTestCase
{
    /**
     * @testWith ["rust", "rust-ffi"]
     *           ["php", "php"]
     */
    public function testACallLoadsNoClass(string $service, string $transport): void
    {
        $this->start('preload-all.php');
        $answer = $this->call($service);

        self::assertSame([200, $transport], [$answer['status'] ?? $answer, $answer['transport']]);
        self::assertSame([], $answer['classes']);
        self::assertSame('', trim((string) preg_replace('/^.*NOTICE.*$/m', '', $this->worker->fpm->log())), 'nothing was left out');
    }

    /** Shows that the test above can fail, and that preload.php loads only one class. */
    public function testWithTheOtherScriptACallLoadsThemItself(): void
    {
        $this->start('preload.php');
        $answer = $this->call('rust');

        self::assertSame(200, $answer['status'] ?? $answer);
        self::assertGreaterThan(20, count($answer['classes']));
        self::assertSame([], preg_grep('~/(NativeLibrary|PreloadedPackage)\.php$~', $answer['classes']));
    }

    public function testAFileThatIsNotPreloadedReachesNothing(): void
    {
        $this->start('preload-all.php');

        AttackReport::assertNothingReached($this->worker->run('attack.php')->json());
    }

    public function testAnUpdateWithoutAReloadIsRefused(): void
    {
        $this->start('preload-all.php');
        self::assertSame(200, $this->call('rust')['status'] ?? null);
        $this->worker->host->installation->updatePackage('9.9.9');
        foreach (['rust', 'php', 'auto'] as $service) {
            $this->assertRefused($this->call($service), PackageVersion::NUMBER, '9.9.9');
        }

        $this->reload();
        foreach (['rust' => 'rust-ffi', 'php' => 'php', 'auto' => 'rust-ffi'] as $service => $transport) {
            $answer = $this->call($service);
            self::assertSame([200, $transport], [$answer['status'] ?? $answer, $answer['transport']]);
        }
    }

    /** A package that Composer installed is another copy: PHP uses the preloaded classes in place of its own. */
    public function testAnUpdateOfVendorWithoutAReloadIsRefused(): void
    {
        $this->start('preload-all.php');
        $autoload = $this->vendor();
        $before = $this->call('rust', $autoload);
        self::assertSame([200, []], [$before['status'] ?? $before, $before['classes']]);
        $this->worker->host->installation->updatePackage('0.0.9', 'vendor');
        foreach (['rust', 'php', 'auto'] as $service) {
            $this->assertRefused($this->call($service, $autoload), PackageVersion::NUMBER, '0.0.9');
        }

        // A site that uses the preloaded copy itself is not affected.
        self::assertSame(200, $this->call('rust')['status'] ?? null);
    }

    /** preload.php loads one small class, which fits every package with the same number in it, whatever the package's version is. */
    public function testWithTheOtherScriptAnotherVersionIsNoMatter(): void
    {
        $this->start('preload.php');
        $autoload = $this->vendor();
        $this->worker->host->installation->updatePackage('9.9.9', 'vendor');

        self::assertSame(200, $this->call('rust', $autoload)['status'] ?? null);
    }

    /**
     * @param array<string, mixed> $answer
     */
    private function assertRefused(array $answer, string $preloaded, string $installed): void
    {
        self::assertSame('configuration.transport_unavailable', $answer['code'] ?? $answer);
        self::assertStringStartsWith(
            "version $preloaded of this package is preloaded, and version $installed is installed: reload PHP after an update",
            $answer['message'],
        );
    }

    private function start(string $script): void
    {
        $ini = ['opcache.revalidate_freq' => '0', 'opcache.file_update_protection' => '0'];
        $this->worker = new Worker(self::$upstream, ini: $ini, extensions: ['curl', 'sockets'], script: $script);
        $directory = $this->worker->host->directory;
        $services = [];
        foreach (['rust', 'php', 'auto'] as $transport) {
            $services[$transport] = [
                'base_url' => self::$upstream->url(),
                'policy' => ['allowed_methods' => ['POST']],
                'transport' => $transport,
                'credentials' => [['identifier' => 'my_api_key', 'type' => 'bearer']],
            ];
        }
        $config = ['master_keys' => [['provider' => 'file', 'path' => $this->worker->host->keyFile]]];
        $sealed = $this->worker->host->sealed('my_api_key', ['type' => 'bearer', 'token' => 'tok-7f3a']);
        $directory->write('etc/transport.json', (string) json_encode(self::$upstream->config($config)));
        $directory->write('etc/services.json', (string) json_encode(['version' => 1, 'services' => $services]));
        $directory->write('etc/vault/my_api_key', $sealed->sealed);
        mkdir($directory->path . '/log') && chown($directory->path . '/log', Fpm::USER);
    }

    /** Another copy of the package with an autoloader by Composer, which fetches nothing for it. */
    private function vendor(): string
    {
        $host = $this->worker->host;
        $package = $host->installation->copyTree($host->installation->php, 'vendor');
        $home = $host->directory->path . '/composer';
        $composer = ['composer', '--no-interaction', '--no-plugins', '--working-dir=' . $package, 'dump-autoload', '--no-scripts'];
        $result = Process::run(['env', 'COMPOSER_HOME=' . $home, 'COMPOSER_ALLOW_SUPERUSER=1', ...$composer]);
        self::assertSame(0, $result['code'], $result['output']);
        return $package . '/vendor/autoload.php';
    }

    /**
     * @return array<string, mixed>
     */
    private function call(string $service, ?string $autoload = null): array
    {
        $directory = $this->worker->host->directory->path;
        return $this->worker->run('whole.php', (string) json_encode([
            'autoload' => $autoload ?? $this->worker->host->installation->php . '/autoload.php',
            'directory' => $directory . '/etc',
            'log' => $directory . '/log/audit.jsonl',
            'service' => $service,
        ]))->json();
    }

    private function reload(): void
    {
        $pid = $this->call('rust')['pid'];
        posix_kill($this->worker->fpm->master->pid, SIGUSR2);
        Poll::until(static fn (): bool => !posix_kill($pid, 0), 'the end of the old worker');
    }
}
