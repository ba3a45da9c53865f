<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Transport\PackageVersion;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\MemoryLimit;
use Netresearch\NrVault\Transport\System\NewFile;
use Netresearch\NrVault\Transport\System\OwnDirectory;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * A registry file as PHP code, of which opcache stores one copy for all processes: the time to read it does not depend on the
 * number of services.
 *
 * Since it is code, it must be in a directory that only this process's own user and root can write to. Its name is made from
 * path, device, inode, size and times of the registry file, whose content is not read. Different contents have different names,
 * if the file has not been changed for as long as the resolution of its times.
 *
 * After any failure here, the registry file itself is read.
 *
 * @internal
 */
final readonly class CompiledRegistry
{
    /** Version of the code, and of the package that has made it. */
    private const FORM = PackageVersion::NUMBER . '/' . CompiledEntry::FORM;

    private const NAME = '/\Aservices-[0-9a-f]{16}-[0-9-]+\.php(\.new)?\z/';

    /** Bytes of memory that compiling needs for each byte of the code; measured: eight. */
    private const MEMORY = 12;

    /** Bytes of opcache's memory for each byte of the code; measured: 1.8, and more where the buffer for its strings is full. */
    private const SHARED_MEMORY = 3;

    /** Seconds within which a file may be written twice and have the same times. */
    private const SETTLING = 2;

    /** Seconds after which an unfinished file counts as left over by a process that was terminated. */
    private const STALE = 60;

    /**
     * Seconds after which the code of another release or registry is deleted. Whether it is still used cannot be told; a registry
     * in use is compiled again.
     */
    private const LIFETIME = 86400;

    /**
     * @param string $key of this content of the registry
     * @param string $family beginning of the names for all contents of this registry
     */
    private function __construct(private string $registry, private string $key, private string $family, private string $target)
    {
    }

    /**
     * @param string $registry path of the registry file
     * @param string|null $directory absolute; null: no directory is configured
     * @return self|null null if code may not be stored there, or if opcache would not store it
     */
    public static function of(string $registry, ?string $directory): ?self
    {
        if ($directory === null) {
            return null;
        }
        try {
            return Quiet::call(static function () use ($registry, $directory): ?self {
                $key = self::isKept() ? self::key($registry) : null;
                if ($key === null || OwnDirectory::fault($directory) !== null) {
                    return null;
                }
                $family = 'services-' . substr(hash('sha256', self::FORM . "\0" . $registry), 0, 16) . '-';
                return new self($registry, $key, $family, rtrim($directory, '/') . '/' . $family . $key . '.php');
            });
        } catch (\Error) {
            // PHP lacks a function.
            return null;
        }
    }

    /** A command line reads the registry file itself, and writes no code that a worker would include. */
    private static function isKept(): bool
    {
        return !in_array(PHP_SAPI, ['cli', 'phpdbg'], true) && filter_var(ini_get('opcache.enable'), FILTER_VALIDATE_BOOL);
    }

    /**
     * @return array<mixed>|null entries by id, as CompiledEntry has them; null if they have to be compiled
     */
    public function entries(): ?array
    {
        try {
            return Quiet::call(function (): ?array {
                if (!OwnDirectory::hasFile($this->target) || !$this->fits()) {
                    return null;
                }
                $told = $this->included();
                if (is_array($told) && ($told['of'] ?? null) === $this->name() && is_array($told['entries'] ?? null)) {
                    return $told['entries'];
                }
                self::forget($this->target);
                return null;
            });
        } catch (\Error) {
            return null;
        }
    }

    /**
     * Whether it is in opcache, or will be after it is compiled: otherwise every request would compile it. With too little memory
     * to compile it, the PHP request would end with a fatal error.
     */
    private function fits(): bool
    {
        if (opcache_is_script_cached($this->target)) {
            return true;
        }
        $size = (int) filesize($this->target);
        return self::isStored($size) && MemoryLimit::room() > self::MEMORY * $size;
    }

    /** Whether opcache has room for code of so many bytes. */
    private static function isStored(int $size): bool
    {
        $most = (int) ini_get('opcache.max_file_size');
        if ($most > 0 && $size > $most) {
            return false;
        }
        // opcache.restrict_api may hide the status; the code is then included as if there were room.
        $status = opcache_get_status(false);
        if (!is_array($status)) {
            return true;
        }
        $memory = is_array($status['memory_usage'] ?? null) ? $status['memory_usage'] : [];
        return ($status['cache_full'] ?? null) === false && ($memory['free_memory'] ?? 0) > self::SHARED_MEMORY * $size;
    }

    private function included(): mixed
    {
        try {
            return include $this->target;
        } catch (\ParseError) {
            return null;
        }
    }

    /**
     * Stores entries that were read from the registry after this object was made.
     *
     * @param array<mixed> $entries of the JSON document, by id
     */
    public function keep(array $entries): void
    {
        try {
            Quiet::call(function () use ($entries): void {
                // An existing file was written by another worker, or was too large for the memory.
                $isWanted = self::key($this->registry) === $this->key && !OwnDirectory::hasFile($this->target);
                if ($isWanted && $this->write($entries)) {
                    $this->sweep();
                }
            });
        } catch (\Error) {
            return;
        }
    }

    /**
     * @param array<mixed> $entries
     */
    private function write(array $entries): bool
    {
        $new = $this->target . '.new';
        // If another process is writing it, this one writes none, and uses the registry file itself.
        if (!NewFile::make($new, 0600)) {
            $begun = filemtime($new);
            if ($begun !== false && $begun < time() - self::STALE) {
                unlink($new);
            }
            return false;
        }
        $file = fopen($new, 'r+');
        $isWritten = $file !== false && $this->writeCode($file, $entries) && fsync($file) && fclose($file);
        // The file is complete, so it gets an older time: opcache does not store files that are younger than two seconds, because
        // they may be incomplete.
        if ($isWritten && touch($new, time() - self::STALE) && rename($new, $this->target)) {
            return true;
        }
        unlink($new);
        return false;
    }

    /**
     * Writes one entry after the other: all at once would need more memory than reading the registry.
     *
     * @param resource $file
     * @param array<mixed> $entries
     */
    private function writeCode(mixed $file, array $entries): bool
    {
        $isWritten = self::put($file, "<?php\n\nreturn ['of' => " . var_export($this->name(), true) . ", 'entries' => [\n");
        foreach ($entries as $id => $entry) {
            $compiled = CompiledEntry::of((new EntryReader((string) $id))->read($entry));
            $isWritten = $isWritten && self::put($file, var_export($id, true) . ' => ' . var_export($compiled, true) . ",\n");
        }
        return $isWritten && self::put($file, "]];\n") && fflush($file);
    }

    /**
     * @param resource $file
     */
    private static function put(mixed $file, string $code): bool
    {
        return fwrite($file, $code) === strlen($code);
    }

    /** Removes code of earlier contents of this registry, and files that have not been changed for long. */
    private function sweep(): void
    {
        $directory = dirname($this->target);
        $names = scandir($directory);
        foreach ($names === false ? [] : $names as $name) {
            $path = $directory . '/' . $name;
            if (preg_match(self::NAME, $name) !== 1 || $path === $this->target) {
                continue;
            }
            $changed = filectime($path);
            $isOld = str_starts_with($name, $this->family) && str_ends_with($name, '.php');
            if ($changed !== false && ($isOld || $changed < time() - self::LIFETIME)) {
                self::forget($path);
            }
        }
    }

    private static function forget(string $path): void
    {
        if (function_exists('opcache_invalidate')) {
            opcache_invalidate($path, true);
        }
        unlink($path);
    }

    /** The name that the code itself contains, since the name of a file is no proof of its content. */
    private function name(): string
    {
        return self::FORM . ' ' . $this->key . ' ' . $this->registry;
    }

    /**
     * @return string|null null if it is not certain yet, or there is no such file
     */
    private static function key(string $registry): ?string
    {
        LocalFile::forget();
        $stat = stat($registry);
        // A time in the future is refused as well: the clock may have been set back.
        if ($stat === false || !LocalFile::isRegular($stat) || time() - $stat['ctime'] < self::SETTLING) {
            return null;
        }
        return implode('-', [$stat['dev'], $stat['ino'], $stat['size'], $stat['mtime'], $stat['ctime']]);
    }
}
