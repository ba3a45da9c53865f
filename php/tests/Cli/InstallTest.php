<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Cli;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;

/**
 * What `make install` installs works without environment variables, whether the loader's cache has the library or not.
 *
 * @group root
 */
final class InstallTest extends CommandTestCase
{
    use DoctorFindings;

    private string $prefix;

    protected function setUp(): void
    {
        parent::setUp();
        $this->prefix = $this->directory->path . '/usr';
        $this->make('install');
    }

    public function testTheInstalledCommandFindsTheLibraryBesideItself(): void
    {
        $report = $this->report(['--no-fpm']);

        self::assertSame([], self::wrong($report));
        $library = $this->prefix . '/lib/libsecure_outbound.so';
        self::assertSame('The library is ' . $library . '.', self::finding($report, 'library.file')['message']);
        $header = self::finding($report, 'header.file')['message'];
        self::assertSame('The header is ' . $this->prefix . '/include/secure_outbound.h.', $header);
    }

    public function testAsAPackageHasItTheCommandFindsTheLibraryToo(): void
    {
        $this->make('uninstall');
        $directory = 'LIBDIR=' . $this->prefix . '/lib/secure-outbound';
        $this->make('install', [$directory]);
        $report = $this->report(['--no-fpm']);

        self::assertSame([], self::wrong($report));
        $library = $this->prefix . '/lib/secure-outbound/libsecure_outbound.so';
        self::assertSame('The library is ' . $library . '.', self::finding($report, 'library.file')['message']);
        $header = $this->prefix . '/include/secure_outbound.h';
        self::assertSame('The header is ' . $header . '.', self::finding($report, 'header.file')['message']);
        self::assertStringContainsString('#define FFI_LIB "' . $library . '"', (string) file_get_contents($header));
        $this->make('uninstall', [$directory]);
        self::assertFileDoesNotExist($library);
    }

    public function testWhatPhpFpmReadsNamesTheInstalledFiles(): void
    {
        $settings = parse_ini_file($this->prefix . '/share/secure-outbound/php-fpm.ini', false, INI_SCANNER_RAW);

        self::assertSame([
            'ffi.enable' => 'preload',
            'ffi.preload' => $this->prefix . '/include/secure_outbound.h',
            'opcache.preload' => $this->prefix . '/share/secure-outbound/php/preload.php',
            'opcache.preload_user' => 'www-data',
        ], $settings);
    }

    public function testAVariableAndAnOptionGoBefore(): void
    {
        $environment = ['SECURE_OUTBOUND_LIBRARY' => '/nonexistent/lib.so'];
        self::assertStringContainsString(
            '/nonexistent/lib.so',
            self::finding($this->report(['--no-fpm'], $environment), 'library.file')['message'],
        );
        $report = $this->report(['--no-fpm', '--library=/nonexistent/other.so'], $environment);
        self::assertStringContainsString('/nonexistent/other.so', self::finding($report, 'library.file')['message']);
    }

    public function testWithoutItsLibraryTheCommandSaysSo(): void
    {
        unlink($this->prefix . '/lib/libsecure_outbound.so');

        self::assertSame('critical', self::wrong($this->report(['--no-fpm']))['library.file']);
    }

    public function testFilesThatAreNotAsTheyWereInstalledAreNamed(): void
    {
        $list = (string) file_get_contents($this->prefix . '/share/secure-outbound/installed.sha256');
        $count = substr_count($list, "\n");
        $whole = self::finding($this->report(['--no-fpm']), 'library.installed');
        self::assertSame(['ok', "All $count files are as they were installed."], [$whole['verdict'], $whole['message']]);
        self::assertGreaterThan(200, $count);

        $php = $this->prefix . '/share/secure-outbound/php';
        file_put_contents($php . '/preload.php', "\n", FILE_APPEND);
        unlink($php . '/diagnose.php');
        $found = self::finding($this->report(['--no-fpm']), 'library.installed');
        self::assertSame('warning', $found['verdict']);
        self::assertStringContainsString("2 of $count files are not as they were installed: $php/diagnose.php, $php/preload.php.", $found['message']);
        self::assertSame('make install PREFIX=' . $this->prefix, $found['remedy']);
    }

    public function testARequestThatHasBegunEndsWithTheClassesThatItBeganWith(): void
    {
        $script = <<<'PHP'
            $php = $argv[1];
            require $php . '/autoload.php';
            $classes = glob($php . '/[0-9]*')[0];
            rename($classes, $classes . '.kept');
            foreach (['Service\\SecureHttpClient', 'Outbound\\Call\\Caller', 'Outbound\\NoSuchClass'] as $name) {
                $name = 'Netresearch\\NrVault\\' . $name;
                echo class_exists($name) ? strtr((new ReflectionClass($name))->getFileName(), [$classes => 'CLASSES']) : 'none', "\n";
            }
            rename($classes . '.kept', $classes . '-away');
            try {
                class_exists('Netresearch\\NrVault\\Transport\\Wire');
            } catch (Error $error) {
                echo strtr($error->getMessage(), [$classes => 'CLASSES']), "\n";
            }
            PHP;
        $result = Process::run([PHP_BINARY, '-r', $script, $this->prefix . '/share/secure-outbound/php']);

        self::assertSame([
            'CLASSES.kept/src/Service/SecureHttpClient.php',
            'CLASSES.kept/src/Outbound/Call/Caller.php',
            'none',
            'CLASSES is not there any more, since the package was updated more than once, or removed, while this process ran: '
                . 'start it again (php-fpm: reload it)',
            '',
        ], explode("\n", $result['output']));
    }

    public function testAfterAnUpdateThePreloadedPackageIsToldOfTheOtherVersion(): void
    {
        $php = $this->prefix . '/share/secure-outbound/php';
        $ini = ['-d', 'opcache.enable_cli=1', '-d', 'opcache.preload=' . $php . '/preload-all.php', '-d', 'opcache.preload_user=root'];
        $script = $this->directory->write('told.php', <<<'PHP'
            <?php
            [, $php, $version] = $argv;
            [$classes] = glob($php . '/[0-9]*');
            if ($version !== '') {
                $other = $php . '/' . $version . '-0123456789ab';
                rename($classes, $other);
                foreach ([$other . '/version.php', $php . '/autoload.php'] as $file) {
                    $code = (string) file_get_contents($file);
                    file_put_contents($file, preg_replace(["/meet\('[0-9.]+'\)/", '~/[0-9.]+-[0-9a-f]{12}~'], ["meet('$version')", '/' . basename($other)], $code));
                }
            }
            require $php . '/autoload.php';
            echo class_exists('Netresearch\\NrVault\\Service\\SecureHttpClient', false) ? 'preloaded' : '', ' ';
            echo Netresearch\NrVault\Transport\PackageVersion::conflict();
            PHP);
        $same = Process::run([PHP_BINARY, ...$ini, $script, $php, '']);
        $other = Process::run([PHP_BINARY, ...$ini, $script, $php, '9.9.9']);

        self::assertSame('preloaded ', $same['output']);
        self::assertStringStartsWith('preloaded version ', $other['output']);
        self::assertStringEndsWith('version 9.9.9 is installed: reload PHP after an update', $other['output']);
    }

    public function testAnUpdateLeavesTheClassesOfTheVersionBefore(): void
    {
        $php = $this->prefix . '/share/secure-outbound/php';
        [$classes] = glob($php . '/[0-9]*') ?: [];
        self::assertIsString($classes);
        $autoload = (string) file_get_contents($php . '/autoload.php');
        rename($classes, $php . '/0.0.2-0123456789ab');
        file_put_contents($php . '/autoload.php', strtr($autoload, [basename($classes) => '0.0.2-0123456789ab']));
        mkdir($php . '/0.0.1-0123456789ab');
        touch($php . '/0.0.1-0123456789ab/version.php');
        touch($php . '/of-no-version.php');
        $this->make('install');

        self::assertSame([$php . '/0.0.2-0123456789ab', $classes], glob($php . '/[0-9]*'));
        self::assertFileExists($php . '/0.0.2-0123456789ab/src/Transport/Wire.php');
        self::assertFileDoesNotExist($php . '/of-no-version.php');
        self::assertSame($autoload, file_get_contents($php . '/autoload.php'));
    }

    public function testWhatThePackagesKeepIsThatOfTheLastThreeVersions(): void
    {
        $php = $this->directory->path . '/packaged';
        mkdir($php);
        $keep = (string) preg_replace('/^php=.*$/m', 'php=' . $php, (string) file_get_contents(dirname(Build::php()) . '/packaging/keep'), 1, $count);
        self::assertSame(1, $count);
        foreach (['1.0.0-a', '1.1.0-b', '1.2.0-c', '1.3.0-d'] as $number => $version) {
            mkdir($php . '/' . $version);
            file_put_contents($php . '/' . $version . '/version.php', $version);
            // What an update that was ended has left.
            mkdir($php . '/' . $version . '.new');
            $result = Process::run(['sh', '-euc', $keep]);
            self::assertSame([0, ''], [$result['code'], $result['output']]);
            self::assertStringEqualsFile($php . '/' . $version . '.kept/version.php', $version);
            touch($php . '/' . $version . '.kept', time() - 100 + $number);
            unlink($php . '/' . $version . '/version.php');
            rmdir($php . '/' . $version);
        }
        $kept = array_map(basename(...), glob($php . '/*') ?: []);
        self::assertSame(['1.1.0-b.kept', '1.2.0-c.kept', '1.3.0-d.kept'], $kept);
    }

    /** Composer takes the classes by the installed autoload.php, and not by a map of files that the next update replaces. */
    public function testComposerLoadsTheInstalledClassesByTheSameFile(): void
    {
        $composer = json_decode((string) file_get_contents($this->prefix . '/share/secure-outbound/php/composer.json'), true);
        $own = json_decode((string) file_get_contents(Build::php() . '/composer.json'), true);

        self::assertIsArray($composer);
        self::assertIsArray($own);
        self::assertSame(['files' => ['autoload.php']], $composer['autoload']);
        self::assertSame(array_diff_key($own, ['autoload' => 0]), array_diff_key($composer, ['autoload' => 0]));
    }

    public function testWhatMendsNameIsInstalled(): void
    {
        unlink($this->prefix . '/include/secure_outbound.h');
        $config = $this->json('wrong.json', ['no_such_key' => 1]);
        $report = $this->report(['--no-fpm'], config: $config);
        $remedy = self::finding($report, 'header.file')['remedy'];
        self::assertStringStartsWith('make install PREFIX=' . $this->prefix . '   # ', $remedy);
        self::assertSame(1, preg_match('~/\S+\.md~', self::finding($report, 'config.open')['remedy'], $page));
        self::assertSame($this->prefix . '/share/doc/secure-outbound/docs/wire.md', $page[0]);
        self::assertFileEquals(dirname(Build::php()) . '/docs/wire.md', $page[0]);

        $man = (string) file_get_contents($this->prefix . '/share/man/man1/secure-outbound.1');
        $text = strtr($man, ['\\-' => '-', '\\e' => '\\', "\\&" => '']);
        $help = Process::run([$this->prefix . '/bin/secure-outbound', 'help'])['output'];
        foreach (array_slice(explode("\n", $help), 2) as $line) {
            self::assertStringContainsString($line . "\n", $text . "\n");
        }
        $this->make('uninstall');
        self::assertSame([], glob($this->prefix . '/share/{doc,man/man1}/*', GLOB_BRACE));
    }

    public function testUninstallWarnsOfAnIniThatStillNamesTheHeader(): void
    {
        $directory = 'root/etc/php/8.2/fpm/conf.d';
        $lines = "ffi.enable = preload\nffi.preload = \"{$this->prefix}/include/secure_outbound.h\"\n";
        $ini = $this->directory->write($directory . '/99-secure-outbound.ini', $lines);
        $this->directory->write($directory . '/50-off.ini', ';' . strtr($lines, ["\n" => "\n;"]));
        $this->directory->write($directory . '/60-other.ini', "ffi.preload = /other{$this->prefix}x/include/secure_outbound.h\n");
        $script = $this->directory->write($directory . '/70.ini', "opcache.preload={$this->prefix}"
            . "/share/secure-outbound/php/preload.php ; ours\n");
        $root = ['DESTDIR=' . $this->directory->path . '/root'];
        $output = $this->make('uninstall', $root);

        self::assertStringContainsString('warning: ' . $ini . ' still preloads from ' . $this->prefix, $output);
        self::assertStringContainsString('warning: ' . $script . ' still preloads from ' . $this->prefix, $output);
        self::assertSame(2, substr_count($output, 'warning: '), $output);
        unlink($ini);
        unlink($script);
        self::assertSame('', $this->make('uninstall', $root));
    }

    /**
     * @param list<string> $arguments
     * @param array<string, string> $environment
     * @return array{verdict: string, findings: list<array<string, string>>, exit: int}
     */
    private function report(array $arguments, array $environment = [], ?string $config = null): array
    {
        $files = [
            '--config=' . ($config ?? $this->json('config.json', $this->config())),
            '--registry=' . $this->json('services.json', $this->registry()),
        ];
        $command = [$this->prefix . '/bin/secure-outbound', 'doctor', '--format=json', ...$files, ...$arguments];
        $result = Process::run($command, $environment);
        $report = json_decode($result['output'], true);
        self::assertIsArray($report, $result['output']);
        return $report + ['exit' => $result['code']];
    }

    /**
     * Takes the library that is built already: cargo is not run.
     *
     * @param list<string> $more
     */
    private function make(string $target, array $more = []): string
    {
        $arguments = ['-s', '-C', dirname(Build::php()), 'CARGO=/nonexistent', 'PREFIX=' . $this->prefix, ...$more, $target];
        $result = Process::run(['make', ...$arguments]);
        self::assertSame(0, $result['code'], $result['output']);
        return $result['output'];
    }
}
