<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Keys;

use Netresearch\NrVault\Transport\Php\Secret;

/**
 * The file of a master key.
 *
 * @internal
 */
final readonly class KeyFile
{
    /** No form of a key is near as long; what is longer is another file. */
    private const MAX_BYTES = 4096;

    private string $path;

    public function __construct(string $path)
    {
        // A path, never a stream: "php://input" is a file in a directory "php:".
        $this->path = str_starts_with($path, '/') ? $path : './' . $path;
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
        clearstatcache(true, $this->path);
        // n: opening a pipe that nobody writes to would otherwise hang the host.
        $file = @fopen($this->path, 'rn');
        if ($file === false) {
            return $this->isMissing() ? KeyProblem::FileMissing : KeyProblem::FileUnreadable;
        }
        try {
            if (((fstat($file)['mode'] ?? 0) & 0170000) !== 0100000) {
                return KeyProblem::FileUnreadable;
            }
            // Else a copy stays behind in the stream's own buffer.
            stream_set_read_buffer($file, 0);
            $contents = @stream_get_contents($file, self::MAX_BYTES + 1);
        } finally {
            fclose($file);
        }
        if ($contents === false) {
            return KeyProblem::FileUnreadable;
        }
        $contents = new Secret($contents);
        return strlen($contents->expose()) > self::MAX_BYTES ? KeyProblem::FileNotAKey : $contents;
    }

    /**
     * What is careless about it, whatever it holds.
     *
     * @return list<array{code: string, message: string}>
     */
    public function warnings(): array
    {
        if (str_contains($this->path, "\0")) {
            return [];
        }
        clearstatcache(true, $this->path);
        $found = [];
        if (is_link($this->path)) {
            $found[] = [
                'code' => 'key_file.symlink',
                'message' => 'the key file is a symbolic link: who may change the link chooses the key',
            ];
        }
        if (is_file($this->path) && ((int) fileperms($this->path) & 0066) !== 0) {
            $found[] = [
                'code' => 'key_file.permissions',
                'message' => 'the key file can be read or changed by others than its owner',
            ];
        }
        return $found;
    }

    /** Whether a part of the path is not there, rather than closed to this process: PHP's own answer is the same. */
    private function isMissing(): bool
    {
        $path = $this->path;
        if (file_exists($path)) {
            return false;
        }
        do {
            $path = dirname($path);
        } while (!file_exists($path));
        return is_dir($path) && is_executable($path);
    }
}
