<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Outbound\Audit\AuditSinkException;
use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Cli\Console\ConfigFile;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Transport\NativeLibrary;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\OwnDirectory;
use Netresearch\NrVault\Transport\System\Quiet;
use Netresearch\NrVault\Transport\Wire;

/**
 * Checks in a worker whether it can use the files of an operator; diagnose.php runs it for the doctor only. Nothing is sent or
 * written, and nothing of the content of an envelope is returned.
 *
 * @internal
 */
final class WorkerProbe
{
    private const FILES = ['config', 'registry', 'credentials', 'audit', 'ca_file', 'crl_file', 'registry_cache'];

    /**
     * @param array<mixed> $asked `config` as the doctor may pass it, and in `files` the paths of FILES
     * @param bool $bound whether the worker has bound the library
     * @return array<string, mixed>
     */
    public static function look(#[\SensitiveParameter] array $asked, bool $bound): array
    {
        $files = self::paths($asked['files'] ?? null);
        $config = is_array($asked['config'] ?? null) ? $asked['config'] : null;
        $denied = [];
        foreach (array_intersect_key($files, ['config' => 0, 'registry' => 0]) as $name => $path) {
            $denied[$name] = self::denied($path);
        }
        foreach (array_intersect_key($files, ['ca_file' => 0, 'crl_file' => 0]) as $name => $path) {
            // The library opens these files, and open_basedir applies to PHP only.
            $denied[$name] = $bound && self::isHidden($path) ? null : self::denied($path);
        }
        if (isset($files['registry_cache'])) {
            $denied['registry_cache'] = self::cache($files['registry_cache']);
        }
        $isRead = static fn (string $name): bool => array_key_exists($name, $denied) && $denied[$name] === null;
        $own = $isRead('config') ? self::config($files['config']) : null;
        // The worker reads keys that its own file contains; the configuration that the doctor passes names files and variables.
        $config = $own === null ? $config : Configuration::forWorker($own, true);
        $engine = 0;
        $open = null;
        if ($bound && $config !== null) {
            $result = NativeLibrary::open(Wire::encode($config));
            [$engine, $open] = [$result['engine'], Wire::decode($result['head'])];
        }
        $credentials = null;
        if (isset($files['credentials']) && $own !== null && $isRead('registry')) {
            $probe = new CredentialProbe($own, $engine, $bound);
            $credentials = $probe->look(new JsonFileServiceRegistry($files['registry']), $files['credentials']);
        }
        if ($engine > 0) {
            NativeLibrary::close($engine);
        }
        return [
            'open' => $open,
            'denied' => $denied,
            'credentials' => $credentials,
            'audit' => isset($files['audit']) ? self::audit($files['audit']) : null,
        ];
    }

    /**
     * @return array<string, string>
     */
    private static function paths(mixed $told): array
    {
        if (!is_array($told)) {
            return [];
        }
        $paths = [];
        foreach (self::FILES as $name) {
            if (is_string($told[$name] ?? null)) {
                $paths[$name] = $told[$name];
            }
        }
        return $paths;
    }

    /**
     * Why this process cannot read a file: the reason, and the path that causes it.
     *
     * @return array{reason: string, at: string}|null null if it can
     */
    public static function denied(string $path): ?array
    {
        if (self::isHidden($path)) {
            return ['reason' => 'open_basedir', 'at' => $path];
        }
        $file = LocalFile::open($path);
        if ($file !== null) {
            fclose($file);
            return null;
        }
        return self::obstacle($path) ?? ['reason' => 'denied', 'at' => $path];
    }

    /**
     * Why this process cannot store a compiled registry in a directory.
     *
     * @return array{reason: string, at: string}|null null if it can
     */
    private static function cache(string $directory): ?array
    {
        try {
            $fault = Quiet::call(static fn (): ?array => OwnDirectory::fault($directory), $warnings);
        } catch (\Error) {
            // The host has disabled a function.
            return ['reason' => 'denied', 'at' => $directory];
        }
        if (str_contains((string) $warnings, 'open_basedir')) {
            return ['reason' => 'hidden', 'at' => $directory];
        }
        $isOwn = $fault === null && Quiet::call(static fn (): bool => is_writable($directory));
        return $isOwn ? null : $fault ?? ['reason' => 'denied', 'at' => $directory];
    }

    /** Whether open_basedir hides the path from PHP, though not from the library. */
    private static function isHidden(string $path): bool
    {
        Quiet::call(static fn () => is_file($path), $warnings);
        return str_contains((string) $warnings, 'open_basedir');
    }

    /**
     * The first directory of the path that this process may not enter, or the path itself.
     *
     * @return array{reason: string, at: string}|null
     */
    private static function obstacle(string $path): ?array
    {
        for ($at = strpos($path, '/', 1); $at !== false; $at = strpos($path, '/', $at + 1)) {
            $directory = substr($path, 0, $at);
            if (Quiet::call(static fn (): bool => is_dir($directory) && !is_executable($directory))) {
                return ['reason' => 'denied', 'at' => $directory];
            }
        }
        return Quiet::call(static fn (): bool => file_exists($path)) ? null : ['reason' => 'missing', 'at' => $path];
    }

    /**
     * @return array<string, mixed>|null
     */
    private static function config(string $file): ?array
    {
        try {
            return ConfigFile::read($file);
        } catch (UsageError) {
            return null;
        }
    }

    /**
     * @return array{message: ?string, denied: array{reason: string, at: string}|null} message: why no record can be written
     */
    private static function audit(string $file): array
    {
        try {
            (new JsonLinesAuditSink($file))->verify();
            return ['message' => null, 'denied' => null];
        } catch (AuditSinkException | \InvalidArgumentException $failure) {
            $hidden = self::isHidden($file) ? ['reason' => 'open_basedir', 'at' => $file] : null;
            return ['message' => $failure->getMessage(), 'denied' => $hidden ?? self::obstacle($file)];
        }
    }
}
