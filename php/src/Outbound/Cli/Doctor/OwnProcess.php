<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\PackageVersion;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * What a PHP process knows about itself. diagnose.php returns it to the doctor; an application may also call this class in its
 * own process.
 *
 * @internal
 */
final class OwnProcess
{
    private const SETTINGS = ['ffi.enable', 'ffi.preload', 'opcache.enable', 'opcache.preload', 'opcache.preload_user', 'open_basedir'];

    /**
     * @param bool $preloaded whether NativeLibrary existed before any file was loaded, so that it is preloaded
     * @param array<mixed> $asked as WorkerProbe::look() takes it
     * @return array<string, mixed> what WorkerReport reads
     */
    public static function report(bool $preloaded, #[\SensitiveParameter] array $asked = []): array
    {
        $report = [
            'sapi' => PHP_SAPI,
            'version' => PHP_VERSION,
            'zts' => (bool) PHP_ZTS,
            'user' => function_exists('posix_geteuid') ? posix_geteuid() : null,
            'pid' => getmypid(),
            'ini' => [],
            'extensions' => [
                'ffi' => extension_loaded('ffi'),
                'opcache' => extension_loaded('Zend OPcache'),
                'curl' => extension_loaded('curl'),
                'sockets' => extension_loaded('sockets'),
            ],
            'functions' => PhpSettings::missing(),
            'preloaded' => $preloaded,
            'api' => NativeLibrary::API,
            'abi' => NativeLibrary::ABI,
            'package' => PackageVersion::NUMBER,
            'library' => null,
            'failure' => null,
            'mismatch' => false,
            'mapped' => null,
        ];
        foreach (self::SETTINGS as $name) {
            $report['ini'][$name] = (string) ini_get($name);
        }
        $bound = false;
        try {
            NativeLibrary::bind('libsecure_outbound.so');
            $bound = true;
            $report['library'] = NativeLibrary::version();
            $report['mapped'] = self::mapped();
        } catch (\RuntimeException $failure) {
            $report['failure'] = $failure->getMessage();
            $report['mismatch'] = $failure->getCode() === NativeLibrary::WRONG_VERSION;
        }
        $report['checks'] = $bound && CredentialProbe::canCheck();
        // A check would run with classes of two versions.
        $isMixed = PackageVersion::conflict() !== null;
        return $report + WorkerProbe::look($isMixed ? [] : $asked, $bound && !$isMixed);
    }

    /**
     * The file of the library that is mapped into this process.
     *
     * @return array{inode: int, path: string, deleted: bool}|null
     */
    private static function mapped(): ?array
    {
        $maps = (string) Quiet::call(static fn () => file_get_contents('/proc/self/maps'));
        return preg_match('~ (\d+) +(/\S*libsecure_outbound\.so\S*)( \(deleted\))?$~m', $maps, $match) === 1
            ? ['inode' => (int) $match[1], 'path' => $match[2], 'deleted' => isset($match[3])]
            : null;
    }
}
