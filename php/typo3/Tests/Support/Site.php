<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Tests\Support;

use Composer\InstalledVersions;
use Doctrine\DBAL\Connection;
use Doctrine\DBAL\DriverManager;
use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Fpm;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Installation;
use Netresearch\NrVault\Outbound\Tests\Support\Process\Process;
use Netresearch\NrVault\Transport\Rust\LibraryLocator;

/**
 * A TYPO3 as `typo3 setup` makes it, with a database and a configuration of its own, and with the packages of the TYPO3 version
 * that PHPUnit runs with. It runs in processes of its own. TYPO3 loads no file outside of its project, so the project contains
 * the packages: as links, or as copies if another user runs the site.
 */
final class Site
{
    public const ADMIN = 'admin';
    public const PASSWORD = 'Pass.word-1!';

    private const BASE = 'http://typo3.example/';

    private const PARTS = ['vendor', 'public', 'composer.json'];

    /** The root of the project. */
    public readonly string $path;

    /** @var list<string> options of PHP that each process of the site has */
    private array $options = [];

    private readonly string $library;

    /**
     * @param array<string, mixed> $settings of TYPO3_CONF_VARS, for config/system/additional.php
     * @param string $name of its directory
     * @param Installation|null $installation of a site that workers serve: a directory beside it becomes the site, and everything
     *        in it their user's; null: a site of this process's own user
     * @param string $base URL of the site; "/": on each host
     * @param string|null $dsn of the database of MariaDB that the site takes; null: SQLite
     * @param self|null $first a site of the same installation whose code, configuration and database this one has too, as
     *        another host or as another release; what TYPO3 writes to files is its own
     */
    public function __construct(
        string $name,
        array $settings = [],
        private readonly ?Installation $installation = null,
        string $base = self::BASE,
        ?string $dsn = null,
        ?self $first = null,
    ) {
        $packages = self::packages();
        $this->library = $installation === null ? Build::library() : $installation->library;
        $this->path = $installation === null
            ? dirname($packages) . '/sites/' . basename($packages) . '-' . $name . '-' . getmypid()
            : dirname($installation->php) . '/' . $name;
        register_shutdown_function($this->remove(...));
        if ($first !== null) {
            $this->take($first);
            return;
        }
        mkdir($this->path . '/config/system', recursive: true);
        $installation === null ? $this->link($packages) : $this->copy($packages);
        Process::run(['rm', '-rf', $this->path . '/public/typo3temp']);
        $this->configure($settings);
        if ($installation !== null) {
            self::succeed(['chown', '-R', Fpm::USER . ':' . Fpm::USER, $this->path]);
        }
        $database = ['--driver=sqlite'];
        if ($dsn !== null) {
            preg_match('/unix_socket=([^;]+);dbname=(.+)\z/', $dsn, $place);
            // TYPO3 takes the socket from here, and keeps it in its settings.
            $this->ini('mysqli.default_socket', $place[1] ?? '');
            $database = ['--driver=mysqliSocket', '--username=root', '--password=none', '--dbname=' . ($place[2] ?? '')];
        }
        $this->typo3(
            'setup',
            '--no-interaction',
            '--force',
            '--admin-username=' . self::ADMIN,
            '--admin-user-password=' . self::PASSWORD,
            '--admin-email=admin@typo3.example',
            '--project-name=Test',
            '--create-site=' . self::BASE,
            '--server-type=other',
            ...$database,
        );
        foreach (glob($this->path . '/config/sites/*/config.yaml') ?: [] as $file) {
            file_put_contents($file, str_replace(self::BASE, $base, (string) file_get_contents($file)));
        }
    }

    private function link(string $packages): void
    {
        foreach (self::PARTS as $part) {
            self::succeed(['cp', '-al', "$packages/$part", $this->path . '/']);
        }
    }

    private function take(self $first): void
    {
        mkdir($this->path, recursive: true);
        $this->link($first->path);
        self::succeed(['rm', '-rf', $this->path . '/public/typo3temp']);
        self::succeed(['cp', '-a', $first->path . '/config', $this->path . '/']);
        self::succeed(['chown', '-R', Fpm::USER . ':' . Fpm::USER, $this->path]);
        $this->options = $first->options;
    }

    /**
     * Copies the packages, since another user may not be able to read the directories that Composer links to. Files that no site
     * runs are left out. A second site of the installation has the copy of the first one.
     */
    private function copy(string $packages): void
    {
        $copies = glob(dirname($this->path) . '/*/vendor');
        if (is_array($copies) && $copies !== []) {
            $this->link(dirname($copies[0]));
            return;
        }
        $archive = $this->path . '/packages.tar';
        $unused = [
            '--exclude=vendor/netresearch/secure-outbound/vendor',
            '--exclude=vendor/typo3/*/Documentation',
            '--exclude=public/typo3temp',
            '--exclude=*.phar',
        ];
        self::succeed(['tar', '-chf', $archive, ...$unused, '-C', $packages, ...self::PARTS]);
        self::succeed(['tar', '-xf', $archive, '-C', $this->path]);
        unlink($archive);
    }

    /**
     * @param non-empty-list<string> $command
     */
    private static function succeed(array $command): void
    {
        $result = Process::run($command);
        if ($result['code'] !== 0) {
            throw new \RuntimeException($command[0] . ' failed: ' . $result['output']);
        }
    }

    /**
     * Writes config/system/additional.php.
     *
     * @param array<string, mixed> $settings
     */
    public function configure(array $settings): void
    {
        $settings = array_replace_recursive(['SYS' => ['trustedHostsPattern' => '.*', 'displayErrors' => 1]], $settings);
        $this->write('config/system/additional.php', "<?php\n\n\$GLOBALS['TYPO3_CONF_VARS'] = array_replace_recursive("
            . "\$GLOBALS['TYPO3_CONF_VARS'], " . var_export($settings, true) . ");\n");
    }

    /**
     * Writes a file below the project's root.
     *
     * @return string its path
     */
    public function write(string $name, string $contents): string
    {
        $file = $this->path . '/' . $name;
        // The existing file may be a link to a file that others use.
        if (is_file($file)) {
            unlink($file);
        }
        file_put_contents($file, $contents);
        if ($this->installation !== null) {
            chown($file, Fpm::USER);
        }
        return $file;
    }

    /** Every PHP process of the site will run this file first. */
    public function prepend(string $file): void
    {
        $this->ini('auto_prepend_file', $file);
    }

    /** Every PHP process of the site will have this setting. */
    public function ini(string $name, string $value): void
    {
        array_push($this->options, '-d', "$name=$value");
    }

    /**
     * Runs a command of TYPO3, which has to succeed.
     *
     * @return string its output
     */
    public function typo3(string ...$arguments): string
    {
        $result = $this->tryTypo3(...$arguments);
        if ($result['code'] !== 0) {
            throw new \RuntimeException('typo3 ' . ($arguments[0] ?? '') . ' failed: ' . $result['output']);
        }
        return $result['output'];
    }

    /**
     * Calls services from a command.
     *
     * @return array<string, array<string, mixed>> the results by service
     */
    public function calls(string ...$services): array
    {
        $file = $this->path . '/call.json';
        $this->typo3('outbound-test:call', implode(',', $services), $file);
        /** @var array<string, array<string, mixed>> $results */
        $results = json_decode((string) file_get_contents($file), true, 16, JSON_THROW_ON_ERROR);
        return $results;
    }

    /**
     * The doctor's findings from the command line.
     *
     * @return array<string, array{verdict: string, message: string}> the last one of each code
     */
    public function findings(): array
    {
        $told = json_decode($this->tryTypo3('outbound:doctor', '--format=json')['output'], true, 16, JSON_THROW_ON_ERROR);
        /** @var array<string, array{verdict: string, message: string}> $findings */
        $findings = array_column($told['findings'], null, 'code');
        return $findings;
    }

    /**
     * @return array{code: int, output: string}
     */
    public function tryTypo3(string ...$arguments): array
    {
        return $this->feedTypo3('', ...$arguments);
    }

    /**
     * Runs a command of TYPO3 with something on its standard input.
     *
     * @return array{code: int, output: string}
     */
    public function feedTypo3(#[\SensitiveParameter] string $input, string ...$arguments): array
    {
        $user = $this->installation === null
            ? []
            : ['setpriv', '--reuid', Fpm::USER, '--regid', Fpm::USER, '--clear-groups'];
        return Process::run(
            [...$user, PHP_BINARY, ...$this->options(), $this->path . '/vendor/bin/typo3', ...array_values($arguments)],
            $this->environment(),
            $input,
        );
    }

    /**
     * @return array<string, string>
     */
    public function environment(): array
    {
        return [
            'TYPO3_CONTEXT' => 'Production',
            LibraryLocator::ENVIRONMENT => $this->library,
        ];
    }

    /**
     * Options of PHP that each process of the site has.
     *
     * @return list<string>
     */
    public function options(): array
    {
        return $this->options;
    }

    /** The site's database of SQLite. */
    public function database(): Connection
    {
        $files = glob($this->path . '/var/sqlite/*.sqlite');
        if (!is_array($files) || count($files) !== 1) {
            throw new \RuntimeException('The site has no database of SQLite, or several.');
        }
        return DriverManager::getConnection(['driver' => 'pdo_sqlite', 'path' => $files[0]]);
    }

    /**
     * The directories into which the site writes.
     *
     * @return list<string>
     */
    public function written(): array
    {
        return array_map(fn (string $part): string => $this->path . '/' . $part, ['var', 'config', 'public']);
    }

    /** The root of the packages, with vendor/. */
    public static function packages(): string
    {
        return (string) realpath(InstalledVersions::getRootPackage()['install_path']);
    }

    public function remove(): void
    {
        Process::run(['rm', '-rf', $this->path]);
    }
}
