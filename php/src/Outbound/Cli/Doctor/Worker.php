<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\PackageVersion;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
use Netresearch\NrVault\Transport\System\Quiet;
use Netresearch\NrVault\Transport\Wire;

/**
 * The findings about a worker of php-fpm. Only a worker knows its settings: the command line reads other ini files and has no
 * preloading.
 *
 * @internal
 */
final class Worker
{
    /** The header that the worker's PHP loads; null if it is not known. */
    public readonly ?string $header;

    /** @var list<Finding> */
    public readonly array $findings;

    /**
     * @param string|null $socket null: no worker is asked
     * @param array<string, mixed>|null $config of the transport; keys in it are named by file or variable only
     * @param array<string, string> $files absolute paths that the worker has to check, in the form of WorkerProbe::look()
     * @param string|null $program path of php-fpm, which is run if no worker responds
     */
    public function __construct(
        ?string $socket,
        ?array $config,
        private readonly Remedies $remedies,
        array $files = [],
        ?string $program = null,
    ) {
        $header = null;
        if ($socket === null) {
            $findings = [Finding::warning(
                'fpm.unknown',
                'Whether php-fpm has preloaded the library cannot be known from the command line.',
                'secure-outbound doctor --fpm-socket=' . self::socket($remedies) . '   # where there is no php-fpm: --no-fpm',
            )];
        } else {
            $report = $this->ask($socket, $config, $files);
            if ($report instanceof WorkerReport) {
                $findings = self::judge($report, $config ?? [], $files, $remedies);
                $header = $report->ini['ffi_preload'];
            } else {
                $findings = $report->code === 'fpm.socket' ? [FpmStart::examine($program, $remedies), $report] : [$report];
            }
        }
        $this->header = $header === '' ? null : $header;
        $this->findings = $findings;
    }

    /** An existing socket, or the path that Debian uses. */
    private static function socket(Remedies $remedies): string
    {
        return FileNames::matching('/run/php/php' . $remedies->version . '*.sock')[0] ?? '/run/php/php' . $remedies->version . '-fpm.sock';
    }

    /**
     * @param array<string, mixed>|null $config
     * @param array<string, string> $files
     */
    private function ask(string $socket, ?array $config, array $files): WorkerReport|Finding
    {
        $script = Installation::directory() . '/diagnose.php';
        $body = Wire::encode(['config' => $config, 'files' => $files]);
        try {
            $response = (new FastCgiClient($socket))->run($script, ['SECURE_OUTBOUND_DOCTOR' => '1'], $body);
        } catch (\RuntimeException $failure) {
            $found = self::socket($this->remedies);
            $remedy = $found !== $socket && file_exists($found)
                ? 'secure-outbound doctor --fpm-socket=' . $found
                : 'systemctl restart php' . $this->remedies->version . '-fpm   # and compare "listen" of the pool';
            return Finding::critical('fpm.socket', $socket . ': ' . $failure->getMessage(), $remedy);
        }
        $told = json_decode($response['body'], true);
        if (is_array($told)) {
            try {
                return WorkerReport::read($told, $files, $this->remedies->keyIds);
            } catch (\UnexpectedValueException $flaw) {
                return Finding::critical(
                    'fpm.script',
                    'The response is not that of diagnose.php ("' . $flaw->getMessage() . '"): nothing of it was taken.',
                    'ls -l ' . escapeshellarg($socket) . '   # who listens there; diagnose.php of another release responds so as well',
                );
            }
        }
        $why = $response['error'] === '' ? '' : ' php-fpm says: ' . substr($response['error'], 0, 200);
        return Finding::critical(
            'fpm.script',
            'The worker could not run ' . $script . '.' . $why,
            'runuser -u ' . $this->remedies->user . ' -- cat ' . $script . ' > /dev/null   # mode; or chroot, open_basedir of the pool',
        );
    }

    /**
     * @param array<string, mixed> $config of the transport
     * @param array<string, string> $files that the worker was asked about
     * @return list<Finding>
     */
    public static function judge(WorkerReport $report, #[\SensitiveParameter] array $config, array $files, Remedies $remedies): array
    {
        $own = $remedies->ofWorker($report->version, WorkerProcess::of($report->pid)->user);
        return [...self::itself($report, $config, $own), ...(new ProbeFindings($report, $files, $own))->all()];
    }

    /**
     * @param array<string, mixed> $config of the transport
     * @return list<Finding>
     */
    private static function itself(WorkerReport $report, #[\SensitiveParameter] array $config, Remedies $remedies): array
    {
        $findings = [
            PhpSettings::version('fpm', $report->version),
            PhpSettings::functions('fpm', $report->functions, $remedies),
        ];
        foreach (['ffi' => 'the library is called through it', 'opcache' => 'it preloads'] as $name => $use) {
            $findings[] = PhpSettings::extension('fpm', $name, $report->extensions[$name], $use, true, $remedies);
        }
        if ($report->extensions['ffi']) {
            $findings[] = self::ffiEnable($report->ini['ffi_enable'], $remedies);
        }
        array_push($findings, ...self::preload($report, $remedies));
        if ($report->user === 0) {
            $findings[] = Finding::warning(
                'fpm.user',
                'The worker runs as root.',
                "sed -i 's/^ *user *=.*/user = " . $remedies->user . "/' /etc/php/" . $remedies->version . '/fpm/pool.d/*.conf && '
                    . $remedies->reload(),
            );
        }
        if ($report->failure !== null) {
            $remedy = ($report->mismatch ? Installation::install() . ' && ' : '') . $remedies->reload() . '   # '
                . Installation::page('preload.md') . ', "When something is missing"';
            $findings[] = Finding::critical('fpm.unbound', $report->failure, $remedy);
            if (!$report->mismatch) {
                $canSend = $report->extensions['curl'] && $report->extensions['sockets']
                    && $report->functions['php'] === [];
                $findings[] = PhpSettings::transport('fpm', $report->failure, $canSend, $config, $remedies, $report->functions);
            }
            return $findings;
        }
        $findings[] = Finding::ok('fpm.bound', 'The worker has bound the library, version ' . $report->library . '.');
        if ($report->package !== PackageVersion::NUMBER) {
            $message = 'The worker has preloaded version ' . $report->package . ' of this package, and ' . PackageVersion::NUMBER
                . ' is installed: until PHP is reloaded, each call is refused.';
            $findings[] = Finding::critical('fpm.package', $message, $remedies->reload());
        } elseif ($report->api < RustFfiTransport::LEAST_NATIVE_API || $report->abi !== NativeLibrary::ABI) {
            $message = 'The worker has preloaded NativeLibrary of another version of this package: until PHP is reloaded, each call '
                . 'is refused.';
            $findings[] = Finding::critical('fpm.package', $message, $remedies->reload());
        } elseif ($report->api !== NativeLibrary::API) {
            $message = 'The worker has preloaded NativeLibrary of another version of this package, with which calls go on.';
            $findings[] = Finding::warning('fpm.package', $message, $remedies->reload());
        }
        array_push($findings, ...self::mapped($report->mapped, $remedies));
        if ($report->open !== null) {
            array_push($findings, ...Configuration::judge('fpm', $report->open, $remedies));
        }
        return $findings;
    }

    private static function ffiEnable(string $value, Remedies $remedies): Finding
    {
        return match (true) {
            strtolower($value) === 'preload' => Finding::ok('fpm.ffi_enable', 'ffi.enable is preload.'),
            PhpSettings::isOff($value) => Finding::critical(
                'fpm.ffi_enable',
                'ffi.enable is off.',
                $remedies->fpmIni('ffi.enable = preload'),
            ),
            default => Finding::critical(
                'fpm.ffi_enable',
                'ffi.enable is ' . $value . ': every file may call any C function.',
                $remedies->fpmIni('ffi.enable = preload') . '   # and no php_admin_value[ffi.enable] in the pool',
            ),
        };
    }

    /**
     * @return list<Finding>
     */
    private static function preload(WorkerReport $report, Remedies $remedies): array
    {
        $ini = $report->ini;
        $own = Installation::directory() . '/preload.php';
        $findings = [];
        if (PhpSettings::isOff($ini['opcache_enable'])) {
            $message = 'opcache.enable is off, so nothing is preloaded.';
            $findings[] = Finding::critical('fpm.opcache_enable', $message, $remedies->fpmIni('opcache.enable = 1'));
        }
        if ($ini['opcache_preload'] === '') {
            $remedy = $remedies->fpmIni('opcache.preload = ' . $own);
            $findings[] = Finding::critical('fpm.opcache_preload', 'opcache.preload is empty.', $remedy);
        } elseif (!$report->preloaded && !PhpSettings::isOff($ini['opcache_enable'])) {
            $message = $ini['opcache_preload'] . ' is preloaded and does not load NativeLibrary.';
            $line = "\\nrequire '" . $own . "';";
            // Any program may have sent the name. Nothing is appended to a file that is no PHP script.
            $remedy = str_ends_with($ini['opcache_preload'], '.php')
                ? 'printf %b ' . escapeshellarg($line) . ' >> ' . escapeshellarg($ini['opcache_preload']) . ' && ' . $remedies->reload()
                : Remedies::edit($ini['opcache_preload'], "require '" . $own . "';");
            $findings[] = Finding::critical('fpm.opcache_preload', $message, $remedy);
        } elseif ($report->preloaded) {
            $message = 'NativeLibrary is preloaded by ' . $ini['opcache_preload'] . '.';
            $findings[] = Finding::ok('fpm.opcache_preload', $message);
        }
        if ($ini['ffi_preload'] !== '') {
            $findings[] = Finding::ok('fpm.ffi_preload', 'ffi.preload is ' . $ini['ffi_preload'] . '.');
        } elseif ($report->failure !== null && !$report->zts) {
            $remedy = $remedies->fpmIni('ffi.preload = ' . LibraryFiles::installedHeader());
            $findings[] = Finding::critical('fpm.ffi_preload', 'ffi.preload is empty.', $remedy);
        }
        return $findings;
    }

    /**
     * @param array{inode: int, path: string, deleted: bool}|null $mapped
     * @return list<Finding>
     */
    private static function mapped(?array $mapped, Remedies $remedies): array
    {
        clearstatcache();
        if ($mapped === null) {
            return [];
        }
        $inode = Quiet::call(static fn () => fileinode($mapped['path']));
        return !$mapped['deleted'] && $inode === $mapped['inode']
            ? [Finding::ok('fpm.library', 'The worker runs ' . $mapped['path'] . ' as it is on disk.')]
            : [Finding::warning(
                'fpm.library',
                $mapped['path'] . ' was replaced; the worker still runs the old library.',
                $remedies->reload(),
            )];
    }
}
