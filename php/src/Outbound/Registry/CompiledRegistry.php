<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Registry;

use Netresearch\NrVault\Transport\PackageVersion;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\MemoryLimit;
use Netresearch\NrVault\Transport\System\OwnDirectory;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * A registry file as PHP code, of which opcache keeps one copy for all processes: reading it costs the same however many services
 * there are.
 *
 * It is code, so it lies in a directory in which nobody but this process's own user and root can put anything. It is found by
 * what the system says of the registry file, whose bytes are not read: path, device, inode, size and times. They tell one content
 * from another once the file has been left alone for as long as its times take to move on.
 *
 * Whatever goes wrong here, the registry is read as it is.
 *
 * @internal
 */
final readonly class CompiledRegistry
{
    /** Of the code, and of what it was made by. */
    private const FORM = PackageVersion::NUMBER . '/' . CompiledEntry::FORM;

    private const NAME = '/\Aservices-[0-9a-f]{16}-[0-9-]+\.php(\.new)?\z/';

    /** Bytes that compiling takes for each byte of the code: it was eight. */
    private const MEMORY = 12;

    /** Seconds in which the times of a file may not move on, though it is written again. */
    private const SETTLING = 2;

    /** Seconds after which whoever began to write has died over it. */
    private const STALE = 60;

    /** Seconds for which what nobody may need any more is kept: of another release, or of a registry that is elsewhere now. */
    private const KEPT = 86400;

    /**
     * @param string $key of this content of the registry
     * @param string $family how the names of all contents of this registry begin
     */
    private function __construct(private string $registry, private string $key, private string $family, private string $target)
    {
    }

    /**
     * @param string $registry path of the registry file
     * @param string|null $directory absolute; null: none is named
     * @return self|null null where code may not be kept there, or no opcache would keep it
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

    /** A command line reads the file, and leaves nothing behind that a worker would include. */
    private static function isKept(): bool
    {
        return !in_array(PHP_SAPI, ['cli', 'phpdbg'], true) && filter_var(ini_get('opcache.enable'), FILTER_VALIDATE_BOOL);
    }

    /**
     * @return array<mixed>|null entries by id, as CompiledEntry has them; null where they are to be compiled
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

    /** Whether it is in opcache, or there is memory to compile it: too little would end the request. */
    private function fits(): bool
    {
        return opcache_is_script_cached($this->target)
            || MemoryLimit::room() > self::MEMORY * (int) filesize($this->target);
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
     * Keeps what was read of the registry after this object was made.
     *
     * @param array<mixed> $entries of the JSON document, by id
     */
    public function keep(array $entries): void
    {
        try {
            Quiet::call(function () use ($entries): void {
                // One that is there is another worker's, or did not fit.
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
        // Whoever else is about it makes no second one, and reads the registry as it is.
        $mask = umask(0177);
        $file = fopen($new, 'x');
        umask($mask);
        if ($file === false) {
            $begun = filemtime($new);
            if ($begun !== false && $begun < time() - self::STALE) {
                unlink($new);
            }
            return false;
        }
        $isWritten = $this->writeCode($file, $entries) && fsync($file);
        fclose($file);
        // It is whole; opcache would leave it alone for two seconds, in case it is not.
        if ($isWritten && touch($new, time() - self::STALE) && rename($new, $this->target)) {
            return true;
        }
        unlink($new);
        return false;
    }

    /**
     * Entry by entry: all of them at once would need more memory than reading the registry did.
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

    /** Removes what this registry was before, and what nobody has looked after for long. */
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
            if ($changed !== false && ($isOld || $changed < time() - self::KEPT)) {
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

    /** What the file says of itself: a name is no proof. */
    private function name(): string
    {
        return self::FORM . ' ' . $this->key . ' ' . $this->registry;
    }

    /**
     * @return string|null null where it cannot be told yet, or there is no such file
     */
    private static function key(string $registry): ?string
    {
        LocalFile::forget();
        $stat = stat($registry);
        // Not a time in the future either, of a clock that was set back.
        if ($stat === false || !LocalFile::isRegular($stat) || time() - $stat['ctime'] < self::SETTLING) {
            return null;
        }
        return implode('-', [$stat['dev'], $stat['ino'], $stat['size'], $stat['mtime'], $stat['ctime']]);
    }
}
