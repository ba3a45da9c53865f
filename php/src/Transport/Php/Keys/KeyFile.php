<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Keys;

use Netresearch\NrVault\Transport\Secret\Secret;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * The file of a master key.
 *
 * @internal
 */
final readonly class KeyFile
{
    /** Every form of a key is much shorter; a longer file is not a key file. */
    private const MAX_BYTES = 4096;

    private string $path;

    public function __construct(string $path)
    {
        $this->path = LocalFile::local($path);
    }

    /** The whole of a short file. */
    public function contents(): Secret|KeyProblem
    {
        if (str_contains($this->path, "\0")) {
            return KeyProblem::FileUnreadable;
        }
        if ($this->path === './') {
            return KeyProblem::FileMissing;
        }
        $contents = LocalFile::read($this->path, self::MAX_BYTES);
        if ($contents === null) {
            return $this->isMissing() ? KeyProblem::FileMissing : KeyProblem::FileUnreadable;
        }
        $contents = new Secret($contents);
        return strlen($contents->expose()) > self::MAX_BYTES ? KeyProblem::FileNotAKey : $contents;
    }

    /**
     * What is unsafe about its owner or mode, whatever its content.
     *
     * @return list<array{code: string, message: string}>
     */
    public function warnings(): array
    {
        if (str_contains($this->path, "\0")) {
            return [];
        }
        LocalFile::forget();
        $found = [];
        if (Quiet::call(fn (): bool => is_link($this->path))) {
            $found[] = [
                'code' => 'key_file.symlink',
                'message' => 'the key file is a symbolic link: who may change the link chooses the key',
            ];
        }
        $mode = Quiet::call(fn () => is_file($this->path) ? fileperms($this->path) : 0);
        if (((int) $mode & 0066) !== 0) {
            $found[] = [
                'code' => 'key_file.permissions',
                'message' => 'the key file can be read or changed by others than its owner',
            ];
        }
        return $found;
    }

    /** Whether a part of the path is missing. PHP reports the same error for a path that this process may not read. */
    private function isMissing(): bool
    {
        return Quiet::call(function (): bool {
            $path = $this->path;
            if (file_exists($path)) {
                return false;
            }
            do {
                $below = $path;
                $path = dirname($path);
                // With open_basedir, even the root directory may seem to be missing.
            } while ($path !== $below && !file_exists($path));
            return is_dir($path) && is_executable($path);
        });
    }
}
