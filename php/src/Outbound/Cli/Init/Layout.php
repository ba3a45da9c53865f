<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Init;

use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\NewFile;
use Netresearch\NrVault\Transport\System\Quiet;
use Netresearch\NrVault\Transport\System\RootUser;

/**
 * Creates files and directories with their owners and modes, and does not change existing ones.
 *
 * @internal
 */
final class Layout
{
    /** Debian's group of users who may read logs. */
    private const LOG_READERS = 'adm';

    /** @var list<string> a line for each file or directory that was created, or existed already */
    public array $done = [];

    private readonly bool $isRoot;

    private readonly string $user;

    private readonly int $userId;

    private readonly int $groupId;

    /**
     * @param string|null $user the user of the PHP workers; null: www-data, or the current user if that is not root
     * @throws UsageError
     */
    public function __construct(?string $user)
    {
        if (!function_exists('posix_getpwnam') || !function_exists('posix_geteuid') || !function_exists('posix_getgrnam')) {
            throw new UsageError('Owners cannot be told without ext-posix.');
        }
        $this->isRoot = posix_geteuid() === 0;
        $caller = posix_getpwuid(posix_geteuid())['name'] ?? '';
        $this->user = $user ?? ($this->isRoot ? 'www-data' : $caller);
        $account = posix_getpwnam($this->user);
        if ($account === false) {
            throw new UsageError('There is no such user: name the one that PHP runs as, --user=USER.');
        }
        if (!$this->isRoot && $this->user !== $caller) {
            throw new UsageError('Only root can give files to another user.');
        }
        [$this->userId, $this->groupId] = [$account['uid'], $account['gid']];
    }

    /**
     * For root: throws if another user could replace the path by a link before its owner is changed.
     *
     * @param bool $isRoots whether files are created in it as well
     * @throws UsageError
     */
    public function check(string $path, bool $isRoots): void
    {
        LocalFile::forget();
        if (!self::exists(dirname($path))) {
            throw new UsageError('There is no directory ' . dirname($path) . ' yet: mkdir -p ' . dirname($path));
        }
        $isThere = self::exists($path);
        if ($isThere && !Quiet::call(static fn () => is_dir($path))) {
            throw new UsageError($path . ' is no directory.');
        }
        if (!$this->isRoot) {
            return;
        }
        $first = $isThere && $isRoots ? $path : dirname($path);
        $real = (string) Quiet::call(static fn () => realpath($first));
        if ($real !== $first) {
            // The owner of a link in the path could change the link afterwards.
            throw new UsageError("A link leads to $first. Name the directory as it is: $real");
        }
        $others = RootUser::directoryOfOthers($real);
        if ($others !== null) {
            throw new UsageError("Others than root can write to $others. Take a directory of root's, or make $path yourself.");
        }
    }

    /** A directory that only root may use. */
    public function rootsDirectory(string $path, int $mode): void
    {
        $this->make($path, $mode, 'root', static fn (): bool => mkdir($path, 0700) && chmod($path, $mode));
    }

    /** Root's, for the user's group to read. */
    public function directory(string $path, int $mode): void
    {
        $this->make($path, $mode, 'root', fn (): bool => mkdir($path, 0700) && chmod($path, $mode) && $this->give($path, 0));
    }

    /** Root's, for the user's group to read. */
    public function file(string $path, int $mode, string $contents): void
    {
        $this->make($path, $mode, 'root', fn (): bool => self::write($path, $mode, $contents) && $this->give($path, 0));
    }

    /** A directory of the user; its group are the readers of logs, if that group exists. */
    public function logDirectory(string $path, int $mode): void
    {
        $this->usersDirectory($path, $mode, posix_getgrnam(self::LOG_READERS)['gid'] ?? null);
    }

    public function usersDirectory(string $path, int $mode, ?int $group = null): void
    {
        $this->make($path, $mode, $this->user, fn (): bool => mkdir($path, 0700)
            && chmod($path, $mode)
            && $this->give($path, $this->userId, $group));
    }

    public function usersFile(string $path, int $mode, #[\SensitiveParameter] string $contents): void
    {
        $this->make($path, $mode, $this->user, fn (): bool => self::write($path, $mode, $contents)
            && $this->give($path, $this->userId));
    }

    /** Changes the owner if root runs the command. It is the last step for a path, because the new owner can replace it. */
    private function give(string $path, int $user, ?int $group = null): bool
    {
        return !$this->isRoot || (lchgrp($path, $group ?? $this->groupId) && lchown($path, $user));
    }

    /** No other user can open a key: its mode allows less until it is written. */
    private static function write(string $path, int $mode, #[\SensitiveParameter] string $contents): bool
    {
        if (!NewFile::make($path, 0600)) {
            return false;
        }
        $file = fopen($path, 'r+');
        return $file !== false && fwrite($file, $contents) === strlen($contents) && fflush($file) && fclose($file)
            && chmod($path, $mode);
    }

    /**
     * @param \Closure(): bool $make
     * @throws UsageError
     */
    private function make(string $path, int $mode, string $owner, \Closure $make): void
    {
        if (self::exists($path)) {
            $this->done[] = 'kept  ' . $path;
            return;
        }
        if (!Quiet::call($make, $warning)) {
            $known = preg_match('/: ([A-Z][a-z -]+)$/m', (string) $warning, $match) === 1 ? ': ' . $match[1] : '';
            throw new UsageError($path . ' could not be made' . $known . '.');
        }
        $this->done[] = sprintf('made  %s  %04o %s', $path, $mode, $this->isRoot ? $owner : $this->user);
    }

    /** A dangling link counts as an existing file. */
    private static function exists(string $path): bool
    {
        LocalFile::forget();
        return Quiet::call(static fn () => lstat($path)) !== false;
    }
}
