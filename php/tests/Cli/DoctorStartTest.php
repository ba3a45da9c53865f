<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Host;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;

/**
 * Where no worker answers because php-fpm cannot start, the doctor says why.
 *
 * @group root
 */
final class DoctorStartTest extends CommandTestCase
{
    use DoctorFindings;

    private Host $host;
    private Installation $installation;

    protected function setUp(): void
    {
        parent::setUp();
        $this->host = new Host();
        $this->installation = $this->host->installation;
    }

    protected function tearDown(): void
    {
        $this->host->remove();
        parent::tearDown();
    }

    public function testOneThatCouldStartIsStarted(): void
    {
        $report = $this->start($this->host->ini());

        self::assertSame(['fpm.socket' => 'critical'], self::wrong($report));
        self::assertSame('ok', self::finding($report, 'fpm.start')['verdict']);
        self::assertStringStartsWith('systemctl restart php' . Fpm::VERSION . '-fpm', self::finding($report, 'fpm.socket')['remedy']);
    }

    /**
     * @dataProvider breakages
     * @param \Closure(Host): array<string, string|null> $break gives settings of php.ini
     */
    public function testWhyItDoesNotStart(\Closure $break, string $code, string $says, string $remedy): void
    {
        $report = $this->start($break($this->host) + $this->host->ini());
        $places = ['DIRECTORY' => $this->host->directory->path, 'PACKAGE' => $this->installation->php];

        self::assertSame('critical', self::wrong($report)[$code] ?? self::wrong($report));
        self::assertStringContainsString(strtr($says, $places), self::finding($report, $code)['message']);
        self::assertStringContainsString(strtr($remedy, $places), self::finding($report, $code)['remedy']);
    }

    /**
     * @return iterable<string, array{\Closure, string, string, string}>
     */
    public static function breakages(): iterable
    {
        $ini = " >> /etc/php/" . Fpm::VERSION . "/fpm/conf.d/99-secure-outbound.ini && php-fpm" . Fpm::VERSION . " -t && systemctl restart php" . Fpm::VERSION . "-fpm";
        yield 'no user' => [
            static fn (): array => ['opcache.preload_user' => null],
            'fpm.preload_user',
            'opcache.preload_user is not set',
            "echo 'opcache.preload_user = www-data'" . $ini,
        ];
        yield 'a user that does not exist' => [
            static fn (): array => ['opcache.preload_user' => 'no-such-user'],
            'fpm.preload_user',
            'there is no user no-such-user',
            "echo 'opcache.preload_user = www-data'" . $ini,
        ];
        yield 'a header that is newer than the library' => [
            static function (Host $host): array {
                self::inHeader($host, '/^\w+ secure_outbound_abi_version\(void\);/m', "$0\nint secure_outbound_of_tomorrow(void);");
                return [];
            },
            'fpm.header_newer',
            'DIRECTORY/include/secure_outbound.h is newer than the library, which has no secure_outbound_of_tomorrow',
            'make install PREFIX=/usr/local && php-fpm' . Fpm::VERSION . ' -t',
        ];
        yield 'no header' => [
            static function (Host $host): array {
                unlink($host->installation->header);
                return [];
            },
            'fpm.header_missing',
            'DIRECTORY/include/secure_outbound.h, where nothing is',
            'make install PREFIX=/usr/local',
        ];
        yield 'no library' => [
            static function (Host $host): array {
                unlink($host->installation->library);
                return [];
            },
            'fpm.library_missing',
            'no library at DIRECTORY/lib/libsecure_outbound.so',
            'make install PREFIX=/usr/local',
        ];
        yield 'a library of another libc' => [
            static function (Host $host): array {
                $directory = $host->directory->path;
                $host->directory->write('empty.c', '');
                $musl = $directory . '/libc.musl-x86_64.so.1';
                $made = Process::run(['cc', '-shared', '-nostdlib', '-Wl,-soname,' . basename($musl), '-o', $musl, $directory . '/empty.c']);
                self::assertSame(0, $made['code'], $made['output']);
                unlink($host->installation->library);
                $link = ['-shared', '-Wl,--no-as-needed', '-o', $host->installation->library, $directory . '/empty.c', $musl];
                $made = Process::run(['cc', ...$link]);
                self::assertSame(0, $made['code'], $made['output']);
                unlink($musl);
                return [];
            },
            'fpm.libc',
            'built for another libc: libc.musl-x86_64.so.1',
            'make build && make install PREFIX=/usr/local',
        ];
        yield 'no library but a text' => [
            static function (Host $host): array {
                $host->directory->write('lib/libsecure_outbound.so', 'text');
                return [];
            },
            'fpm.libc',
            'it is no library for this machine',
            'make build',
        ];
        yield 'no script' => [
            static fn (): array => ['opcache.preload' => '/nonexistent/preload.php'],
            'fpm.script_missing',
            '/nonexistent/preload.php is to be preloaded',
            "echo 'opcache.preload = PACKAGE/preload.php'" . $ini,
        ];
    }

    /**
     * After the remedy is run, php-fpm can start.
     *
     * @group own-network
     */
    public function testALibraryOnAMountWithoutExec(): void
    {
        $mount = $this->host->directory->path . '/mount';
        mkdir($mount);
        self::inHeader($this->host, '/^#define FFI_LIB .*$/m', '#define FFI_LIB "' . $mount . '/lib.so"');
        $program = $this->program($this->host->ini());
        $doctor = implode(' ', array_map(escapeshellarg(...), [
            PHP_BINARY, $this->installation->php . '/bin/secure-outbound', 'doctor', '--quiet', '--fpm-socket=/nonexistent.sock',
            '--php-fpm=' . $program, '--library=' . $this->installation->library,
        ]));
        $script = "mount -t tmpfs -o noexec,mode=755 none $mount && cp {$this->installation->library} $mount/lib.so\n"
            . "$doctor > before; sed -n 's/^ *→ \\(mount [^&]*\\) &.*/\\1/p' before > remedy; cat before; . ./remedy; echo FIXED; $doctor";
        $script = 'cd ' . $this->directory->path . ' && ' . $script;
        [$before, $after] = explode('FIXED', Process::run(['unshare', '-m', 'sh', '-c', $script])['output']);

        self::assertStringContainsString('CRITICAL  fpm.noexec', $before);
        self::assertStringContainsString('mount -o remount,exec ', $before);
        self::assertStringNotContainsString('fpm.noexec', $after);
        self::assertStringNotContainsString('php-fpm does not start', $after);
        self::assertStringContainsString('fpm.socket', $after);
    }

    public function testAProgramThatIsNotThere(): void
    {
        $report = $this->doctor(['fpm-socket' => '/nonexistent/php8.4-fpm.sock', 'php-fpm' => '/nonexistent/php-fpm']);

        self::assertSame(['fpm.start' => 'warning', 'fpm.socket' => 'critical'], self::wrong($report));
        self::assertStringStartsWith('apt-get install php8.4-fpm', self::finding($report, 'fpm.start')['remedy']);
    }

    /** 124 is the exit code of `timeout` where the time is over. */
    public function testATestThatDoesNotEnd(): void
    {
        $program = $this->directory->write('php-fpm', "#!/bin/sh\nexit 124\n", 0755);
        $report = $this->doctor(['fpm-socket' => '/nonexistent/fpm.sock', 'php-fpm' => $program]);

        self::assertSame(['fpm.start' => 'warning', 'fpm.socket' => 'critical'], self::wrong($report));
        self::assertStringContainsString('did not end within 20 s', self::finding($report, 'fpm.start')['message']);
    }

    /**
     * @param array<string, string|null> $ini
     * @return array{verdict: string, findings: list<array<string, string>>, exit: int}
     */
    private function start(array $ini): array
    {
        return $this->doctor(['fpm-socket' => '/nonexistent/fpm.sock', 'php-fpm' => $this->program($ini)]);
    }

    /**
     * php-fpm with settings of its own.
     *
     * @param array<string, string|null> $ini
     */
    private function program(array $ini): string
    {
        $file = Host::iniFile($this->host->directory, $ini);
        $path = $this->directory->path;
        $pool = "[global]\nerror_log = $path/fpm.log\n[www]\nuser = " . Fpm::USER . "\nlisten = $path/fpm.sock\n"
            . "pm = static\npm.max_children = 1\n";
        $command = 'exec ' . Process::find('php-fpm' . Fpm::VERSION) . " -c $file -y " . $this->directory->write('fpm.conf', $pool) . ' "$@"';
        return $this->directory->write('php-fpm', "#!/bin/sh\nexport PHP_INI_SCAN_DIR=/nonexistent\n$command\n", 0755);
    }

    private static function inHeader(Host $host, string $pattern, string $by): void
    {
        $text = (string) file_get_contents($host->installation->header);
        $changed = (string) preg_replace($pattern, $by, $text, count: $count);
        self::assertSame(1, $count);
        $host->directory->write('include/secure_outbound.h', $changed);
    }
}
