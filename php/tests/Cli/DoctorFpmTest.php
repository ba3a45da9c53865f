<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Tests\Support\Double\OtherLibrary;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Outbound\Tests\Support\Server\Upstream;
use Netresearch\NrVault\Transport\PackageVersion;

/**
 * `secure-outbound doctor --fpm-socket=…` asks a worker of a real php-fpm, and names what is wrong with it.
 *
 * @group root
 */
final class DoctorFpmTest extends CommandTestCase
{
    use DoctorFindings;

    private Host $host;
    private Installation $installation;
    private ?Fpm $fpm = null;

    protected function setUp(): void
    {
        parent::setUp();
        $this->host = new Host();
        $this->installation = $this->host->installation;
    }

    protected function tearDown(): void
    {
        $this->fpm?->stop();
        $this->host->remove();
        parent::tearDown();
    }

    public function testNothingIsWrong(): void
    {
        $report = $this->ask($this->host->ini());

        self::assertSame([], self::wrong($report));
        self::assertSame(0, $report['exit']);
        $library = self::finding($report, 'fpm.library')['message'];
        self::assertStringContainsString($this->installation->library, $library);
        self::assertSame('ok', self::finding($report, 'fpm.keys')['verdict']);
    }

    public function testNothingIsWrongWithALoadInThePreloadScript(): void
    {
        $report = $this->ask($this->host->ini(true), true, $this->host->environment(true));

        self::assertSame([], self::wrong($report));
    }

    /**
     * @dataProvider settings
     * @param array<string, string|null> $ini
     */
    public function testAWrongSetting(array $ini, string $code, string $says, string $remedy): void
    {
        $report = $this->ask($ini + $this->host->ini());

        self::assertSame(2, $report['exit']);
        self::assertSame('critical', self::wrong($report)[$code] ?? self::wrong($report));
        self::assertStringContainsString($says, self::finding($report, $code)['message']);
        self::assertStringStartsWith($remedy, self::finding($report, $code)['remedy']);
    }

    /**
     * @return iterable<string, array{array<string, string|null>, string, string, string}>
     */
    public static function settings(): iterable
    {
        yield 'ffi.enable off' => [
            ['ffi.enable' => '0'],
            'fpm.ffi_enable',
            'ffi.enable is off',
            "echo 'ffi.enable = preload' >> /etc/php/" . Fpm::VERSION . "/fpm/conf.d/99-secure-outbound.ini && ",
        ];
        yield 'ffi.enable open' => [
            ['ffi.enable' => '1'],
            'fpm.ffi_enable',
            'every file may call any C function',
            "echo 'ffi.enable = preload' >> ",
        ];
        yield 'opcache off' => [
            ['opcache.enable' => '0'],
            'fpm.opcache_enable',
            'opcache.enable is off',
            "echo 'opcache.enable = 1' >> ",
        ];
        yield 'no preload script' => [
            ['opcache.preload' => null],
            'fpm.opcache_preload',
            'opcache.preload is empty',
            "echo 'opcache.preload = /",
        ];
        yield 'a function is taken away' => [
            ['disable_functions' => 'hrtime'],
            'fpm.functions',
            'takes away hrtime',
            'grep -rn disable_functions /etc/php/' . Fpm::VERSION . '/fpm   # take out hrtime',
        ];
        yield 'no header' => [
            ['ffi.preload' => null],
            'fpm.ffi_preload',
            'ffi.preload is empty',
            "echo 'ffi.preload = /",
        ];
    }

    public function testAPreloadScriptThatLoadsSomethingElse(): void
    {
        $other = $this->host->directory->write('other.php', "<?php\n");
        $report = $this->ask(['opcache.preload' => $other] + $this->host->ini());

        self::assertSame('critical', self::wrong($report)['fpm.opcache_preload']);
        $remedy = (string) strstr(self::finding($report, 'fpm.opcache_preload')['remedy'], ' && ', true);
        self::assertSame(0, Process::run(['sh', '-c', $remedy])['code']);
        self::assertSame("<?php\n\nrequire '" . $this->installation->php . "/preload.php';", file_get_contents($other));
        // The settings of this pool load neither curl nor sockets.
        self::assertSame('critical', self::wrong($report)['fpm.transport']);
    }

    public function testALibraryOfAnotherAbiVersion(): void
    {
        $other = OtherLibrary::build($this->host->directory);
        $header = (string) file_get_contents($this->installation->header);
        $header = strtr($header, [$this->installation->library => $other]);
        $this->host->directory->write('include/secure_outbound.h', $header);
        $report = $this->ask($this->host->ini());

        self::assertSame('critical', self::wrong($report)['fpm.unbound']);
        self::assertArrayNotHasKey('fpm.transport', self::wrong($report));
        self::assertStringContainsString('ABI version 2', self::finding($report, 'fpm.unbound')['message']);
        self::assertSame('warning', self::wrong($report)['header.ffi_lib'], 'the two use different libraries');
    }

    public function testAnUpdateWithoutAReload(): void
    {
        $ini = $this->host->ini();
        $this->fpm = new Fpm($ini);
        $this->installation->replaceLibrary();
        $report = $this->ask();

        self::assertSame(['fpm.library' => 'warning'], self::wrong($report));
        self::assertStringContainsString('systemctl reload', self::finding($report)['remedy']);
    }

    public function testAKeyThatTheWorkerCannotRead(): void
    {
        chown($this->host->keyFile, 'root');
        $report = $this->ask($this->host->ini());

        self::assertSame(['fpm.key_file.unreadable' => 'critical'], self::wrong($report));
        $file = "'" . $this->host->keyFile . "'";
        $remedy = self::finding($report)['remedy'];
        self::assertSame('chown www-data: ' . $file . ' && chmod 0400 ' . $file, $remedy);
        self::assertSame(0, Process::run(['sh', '-c', $remedy])['code']);
        self::assertSame([], self::wrong($this->ask()));
    }

    public function testNothingIsSaidOfThePreloadScriptWhereOpcacheIsOff(): void
    {
        $wrong = self::wrong($this->ask(['opcache.enable' => '0'] + $this->host->ini()));

        self::assertArrayHasKey('fpm.opcache_enable', $wrong);
        self::assertArrayNotHasKey('fpm.opcache_preload', $wrong, 'it is right, and not run');
    }

    /**
     * @dataProvider otherClasses
     * @param string $file what is updated while the old class stays preloaded
     */
    public function testAPackageOfAnotherVersion(string $file, string $pattern, string $other, string $verdict): void
    {
        $this->fpm = new Fpm($this->host->ini());
        $source = (string) file_get_contents($this->installation->php . '/' . $file);
        $this->host->directory->write('php/' . $file, (string) preg_replace($pattern, $other, $source, count: $count));
        self::assertSame(1, $count);
        $wrong = self::wrong($this->ask());

        self::assertSame($verdict, $wrong['fpm.package']);
    }

    /**
     * @return array<string, array{string, string, string, string}>
     */
    public static function otherClasses(): array
    {
        return [
            'with more methods' => ['src/Transport/NativeLibrary.php', '/public const API = \d+;/', 'public const API = 99;', 'warning'],
            'that lacks methods' => [
                'src/Transport/Rust/RustFfiTransport.php',
                '/public const LEAST_NATIVE_API = \d+;/',
                'public const LEAST_NATIVE_API = 99;',
                'critical',
            ],
        ];
    }

    public function testAPackageThatWasUpdatedAndIsPreloadedAsAWhole(): void
    {
        $ini = ['opcache.revalidate_freq' => '0'] + $this->host->ini(script: 'preload-all.php');
        self::assertSame([], self::wrong($this->ask($ini)));
        $this->installation->updatePackage('9.9.9');
        $report = $this->ask();

        self::assertSame(['fpm.package' => 'critical'], self::wrong($report));
        $finding = self::finding($report, 'fpm.package');
        self::assertStringContainsString('version ' . PackageVersion::NUMBER, $finding['message']);
        self::assertStringContainsString('9.9.9 is installed', $finding['message']);
    }

    public function testAWorkerThatMayNotReadThePackage(): void
    {
        chmod($this->installation->php . '/diagnose.php', 0600);
        $report = $this->ask($this->host->ini());

        self::assertSame(['fpm.script' => 'critical'], self::wrong($report));
    }

    public function testASocketThatNobodyListensAt(): void
    {
        $report = $this->doctor(['fpm-socket' => '/nonexistent/fpm.sock', 'config' => $this->configFile()]);

        self::assertSame(['fpm.socket' => 'critical'], self::wrong($report));
    }

    public function testASocketThatIsNoFpm(): void
    {
        $server = stream_socket_server('unix://' . $this->directory->path . '/other.sock');
        $process = pcntl_fork();
        if ($process === 0) {
            $client = stream_socket_accept($server);
            fread($client, 10);
            fclose($client);
            posix_kill((int) getmypid(), SIGKILL);
        }
        $socket = $this->directory->path . '/other.sock';
        $report = $this->doctor(['fpm-socket' => $socket, 'config' => $this->configFile()]);
        pcntl_waitpid($process, $status);

        self::assertSame(['fpm.socket' => 'critical'], self::wrong($report));
    }

    public function testTheScriptAnswersNobodyElse(): void
    {
        $this->fpm = new Fpm($this->host->ini());

        self::assertSame('', $this->fpm->request($this->installation->php . '/diagnose.php')->response());
    }

    public function testWhetherTheWorkersCanUseTheTokenCache(): void
    {
        $this->fpm = new Fpm($this->host->ini());
        $directory = $this->host->directory->path . '/tokens';
        mkdir($directory, 0700);
        $keys = [['provider' => 'file', 'path' => $this->host->keyFile]];
        $config = $this->json('cache.json', ['master_keys' => $keys, 'token_cache' => ['directory' => $directory]]);
        $ask = fn (): array => $this->doctor(['fpm-socket' => $this->fpm->socket, 'config' => $config]);

        self::assertSame(['fpm.token_cache.owner' => 'warning'], self::wrong($ask()), 'of root');
        chown($directory, Fpm::USER);
        self::assertSame([], self::wrong($ask()), 'of the workers');
        chmod($directory, 0500);
        self::assertSame(['fpm.token_cache.permissions' => 'warning'], self::wrong($ask()), 'which cannot write it');
    }

    public function testTheEngineOfTheApplicationStaysAsItIs(): void
    {
        $this->fpm = new Fpm($this->host->ini());
        $upstream = new Upstream();
        $script = $this->host->app . '/send.php';
        $send = fn (): array => $this->fpm->request($script, $this->host->input($upstream))->json();
        $first = $send();
        $config = json_decode($this->host->input($upstream), true)['config'];
        $report = $this->doctor([
            'fpm-socket' => $this->fpm->socket,
            'config' => $this->json('application.json', $config),
        ]);
        $second = $send();
        $upstream->stop();

        self::assertSame([], self::wrong($report));
        self::assertSame($first['pid'], $second['pid']);
        self::assertTrue($second['results'][0]['audit']['connection_reused']);
    }

    /**
     * @param array<string, string|null>|null $ini null: asks the php-fpm that runs already
     * @param array<string, string> $environment
     * @return array{verdict: string, findings: list<array<string, string>>, exit: int}
     */
    private function ask(?array $ini = null, bool $unprivileged = false, array $environment = []): array
    {
        if ($ini !== null) {
            $this->fpm = new Fpm($ini, $unprivileged, 1, $environment);
        }
        return $this->doctor(['fpm-socket' => $this->fpm->socket, 'config' => $this->configFile()]);
    }

    private function configFile(): string
    {
        $keys = [['id' => 'vault', 'provider' => 'file', 'path' => $this->host->keyFile]];
        return $this->json('config.json', ['master_keys' => $keys]);
    }
}
