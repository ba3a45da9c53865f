<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Benches;

use Netresearch\NrVault\Transport\PackageVersion;

/**
 * The machine and the versions of programs to which the figures of a bench belong.
 */
final class Machine
{
    /**
     * @return array{lines: list<string>, date: string, processor: string, cores: int, load: list<float>, versions: array<string, string>}
     */
    public static function describe(): array
    {
        $processors = (string) file_get_contents('/proc/cpuinfo');
        preg_match('/^model name\s*:\s*(.+)$/m', $processors, $model);
        $curl = curl_version();
        $versions = [
            'secure-outbound' => PackageVersion::NUMBER,
            'PHP' => PHP_VERSION,
            'libcurl' => $curl['version'] . ' ' . $curl['ssl_version'],
            'Guzzle' => self::package('php-guzzlehttp-guzzle'),
            'Symfony HttpClient' => self::package('php-symfony-http-client'),
            'libsodium' => SODIUM_LIBRARY_VERSION,
        ];
        $load = sys_getloadavg();
        $load = $load === false ? [] : array_map(static fn (float $value): float => round($value, 1), $load);
        $cores = substr_count($processors, "processor\t:");
        $named = array_map(static fn (string $name, string $version): string => $name . ' ' . $version, array_keys($versions), $versions);
        return [
            'lines' => [
                sprintf('%s: %s, %d cores, load %s', gmdate('Y-m-d'), $model[1] ?? php_uname('m'), $cores, $load[0] ?? 'unknown'),
                implode(', ', $named),
            ],
            'date' => gmdate('c'),
            'processor' => $model[1] ?? php_uname('m'),
            'cores' => $cores,
            'load' => $load,
            'versions' => $versions,
        ];
    }

    /** The version of a Debian package. */
    private static function package(string $name): string
    {
        return trim((string) shell_exec('dpkg-query -W -f \'${Version}\' ' . escapeshellarg($name)));
    }
}
