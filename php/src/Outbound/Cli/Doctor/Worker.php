<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\Quiet;
use Netresearch\NrVault\Transport\Wire;

/**
 * What a worker of php-fpm tells about itself. Only a worker knows: the command line reads other ini files and is not
 * preloaded.
 *
 * @internal
 */
final class Worker
{
    private const INI = '/etc/php/8.2/fpm/conf.d/99-secure-outbound.ini';
    private const RELOAD = 'php-fpm8.2 -t && systemctl reload php8.2-fpm';

    /** The header that the worker's PHP loads; null where that is not known. */
    public readonly ?string $header;

    /** @var list<Finding> */
    public readonly array $findings;

    /**
     * @param string|null $socket null: not asked
     * @param array<string, mixed>|null $config of the transport; keys in it are named by file or variable only
     * @param array<string, string> $files absolute paths that the worker is to try: config, registry, credentials, audit
     */
    public function __construct(?string $socket, ?array $config, array $files = [])
    {
        $header = null;
        if ($socket === null) {
            $findings = [Finding::warning(
                'fpm.unknown',
                'Whether php-fpm has preloaded the library cannot be known from the command line.',
                'Ask a worker: --fpm-socket=/run/php/php8.2-fpm.sock; where there is no php-fpm: --no-fpm',
            )];
        } else {
            $answer = self::ask($socket, $config, $files);
            $findings = $answer instanceof Finding
                ? [$answer]
                : [...self::judge($answer, $config ?? []), ...(new ProbeFindings($answer, $files))->all()];
            $header = is_array($answer) ? ($answer['ini']['ffi.preload'] ?? '') : '';
        }
        $this->header = (string) $header === '' ? null : $header;
        $this->findings = $findings;
    }

    /**
     * @param array<string, mixed>|null $config
     * @param array<string, string> $files
     * @return array<string, mixed>|Finding
     */
    private static function ask(string $socket, ?array $config, array $files): array|Finding
    {
        $script = dirname(__DIR__, 4) . '/diagnose.php';
        $body = Wire::encode(['config' => $config, 'files' => $files]);
        try {
            $answer = (new FastCgiClient($socket))->run($script, ['SECURE_OUTBOUND_DOCTOR' => '1'], $body);
        } catch (\RuntimeException $failure) {
            $remedy = 'Look at "listen" of the pool, and whether php-fpm runs.';
            return Finding::critical('fpm.socket', $socket . ': ' . $failure->getMessage(), $remedy);
        }
        $told = json_decode($answer['body'], true);
        if (is_array($told) && ($told['sapi'] ?? '') !== '') {
            return $told;
        }
        $why = $answer['error'] === '' ? '' : ' php-fpm says: ' . substr($answer['error'], 0, 200);
        return Finding::critical(
            'fpm.script',
            'The worker could not run ' . $script . '.' . $why,
            'Let the user of the pool read the file and its directories (chroot, open_basedir, mode).',
        );
    }

    /**
     * @param array<string, mixed> $answer of diagnose.php
     * @param array<string, mixed> $config of the transport
     * @return list<Finding>
     */
    private static function judge(array $answer, array $config): array
    {
        $findings = [
            PhpSettings::version('fpm', (string) $answer['version']),
            PhpSettings::functions('fpm', $answer['functions']),
        ];
        foreach (['ffi' => 'the library is called through it', 'opcache' => 'it preloads'] as $name => $use) {
            $findings[] = PhpSettings::extension('fpm', $name, $answer['extensions'][$name] === true, $use, true);
        }
        if ($answer['extensions']['ffi'] === true) {
            $findings[] = self::ffiEnable($answer['ini']['ffi.enable']);
        }
        array_push($findings, ...self::preload($answer));
        if ($answer['user'] === 0) {
            $findings[] = Finding::warning('fpm.user', 'The worker runs as root.', 'user = www-data in the pool');
        }
        if ($answer['failure'] !== null) {
            $remedy = 'docs/preload.md, "When something is missing"; then ' . self::RELOAD;
            $findings[] = Finding::critical('fpm.unbound', $answer['failure'], $remedy);
            if ($answer['mismatch'] !== true) {
                $canSend = $answer['extensions']['curl'] === true && $answer['extensions']['sockets'] === true
                    && $answer['functions']['php'] === [];
                $findings[] = PhpSettings::transport('fpm', $answer['failure'], $canSend, $config);
            }
            return $findings;
        }
        $findings[] = Finding::ok('fpm.bound', 'The worker has bound the library, version ' . $answer['library'] . '.');
        if ($answer['api'] !== NativeLibrary::API || $answer['abi'] !== NativeLibrary::ABI) {
            $message = 'The worker has preloaded NativeLibrary of another version of this package.';
            $findings[] = Finding::critical('fpm.package', $message, self::RELOAD);
        }
        array_push($findings, ...self::mapped($answer['mapped']));
        if (is_array($answer['open'] ?? null)) {
            array_push($findings, ...Configuration::judge('fpm', $answer['open']));
        }
        return $findings;
    }

    private static function ffiEnable(string $value): Finding
    {
        return match (true) {
            strtolower($value) === 'preload' => Finding::ok('fpm.ffi_enable', 'ffi.enable is preload.'),
            PhpSettings::isOff($value) => Finding::critical(
                'fpm.ffi_enable',
                'ffi.enable is off.',
                'ffi.enable = preload in ' . self::INI,
            ),
            default => Finding::critical(
                'fpm.ffi_enable',
                'ffi.enable is ' . $value . ': every file may call any C function.',
                'ffi.enable = preload in ' . self::INI . ', and no php_admin_value[ffi.enable] in the pool',
            ),
        };
    }

    /**
     * @param array<string, mixed> $answer
     * @return list<Finding>
     */
    private static function preload(array $answer): array
    {
        $ini = $answer['ini'];
        $own = dirname(__DIR__, 4) . '/preload.php';
        $findings = [];
        if (PhpSettings::isOff($ini['opcache.enable'])) {
            $remedy = 'opcache.enable = 1 in ' . self::INI;
            $findings[] = Finding::critical('fpm.opcache_enable', 'opcache.enable is off.', $remedy);
        }
        if ($ini['opcache.preload'] === '') {
            $remedy = 'opcache.preload = ' . $own . ' in ' . self::INI;
            $findings[] = Finding::critical('fpm.opcache_preload', 'opcache.preload is empty.', $remedy);
        } elseif ($answer['preloaded'] !== true) {
            $message = $ini['opcache.preload'] . ' is preloaded and does not load NativeLibrary.';
            $findings[] = Finding::critical('fpm.opcache_preload', $message, "Add to it: require '" . $own . "';");
        } else {
            $message = 'NativeLibrary is preloaded by ' . $ini['opcache.preload'] . '.';
            $findings[] = Finding::ok('fpm.opcache_preload', $message);
        }
        if ($ini['ffi.preload'] !== '') {
            $findings[] = Finding::ok('fpm.ffi_preload', 'ffi.preload is ' . $ini['ffi.preload'] . '.');
        } elseif ($answer['failure'] !== null && $answer['zts'] !== true) {
            $remedy = 'ffi.preload = /usr/local/include/secure_outbound.h in ' . self::INI;
            $findings[] = Finding::critical('fpm.ffi_preload', 'ffi.preload is empty.', $remedy);
        }
        return $findings;
    }

    /**
     * @param array{inode: int, path: string, deleted: bool}|null $mapped
     * @return list<Finding>
     */
    private static function mapped(?array $mapped): array
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
                self::RELOAD,
            )];
    }
}
