<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditRow;
use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Audit\AuditSinkException;
use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\NewFile;
use Netresearch\NrVault\Transport\System\Quiet;
use Netresearch\NrVault\Transport\System\RootUser;

/**
 * The audit file of a command that root runs. It is written with the user and group of the owner of its directory, because no
 * worker could append to a file of root. The file is not created as root and then given to the worker: the directory belongs to
 * the worker, who could put a link to any file of root there.
 *
 * @internal
 */
final readonly class OwnersAuditSink implements AuditSink
{
    /** Classes that the sink of the file uses. They are loaded first, since the owner may not be able to read the source files. */
    private const CLASSES = [AuditRow::class, AuditSinkException::class, LocalFile::class, NewFile::class, Quiet::class];

    private function __construct(private JsonLinesAuditSink $file, private int $user, private int $group, private string $name)
    {
    }

    /**
     * @throws UsageError if root cannot change to the owner, or if others can write to a directory of root
     */
    public static function open(string $file): AuditSink
    {
        $directory = Quiet::call(static fn () => realpath(dirname($file)));
        if ($directory === false) {
            // Another user could create it before the record is written.
            throw new UsageError('There is no directory ' . dirname($file) . ' yet: mkdir -p ' . dirname($file));
        }
        if (!RootUser::isCurrent()) {
            return new JsonLinesAuditSink($file);
        }
        $owner = Quiet::call(static fn () => fileowner($directory));
        $sink = new JsonLinesAuditSink($directory . '/' . basename($file));
        if ($owner === 0) {
            $others = RootUser::directoryOfOthers($directory);
            return $others === null ? $sink : throw self::refusal("Others than root can write to $others, and put a link there "
                . 'that root would follow.', $directory);
        }
        $account = self::canSwitch() ? posix_getpwuid((int) $owner) : false;
        if ($account === false) {
            throw self::refusal('Root would leave an audit file that its writers cannot append to, and without ext-posix and an '
                . 'account of its owner this command cannot become their user.', $directory);
        }
        return new self($sink, $account['uid'], $account['gid'], $account['name']);
    }

    public function write(AuditEntry $entry): void
    {
        $this->asOwner(fn () => $this->file->write($entry));
    }

    public function begin(AuditEntry $intent): void
    {
        $this->asOwner(fn () => $this->file->begin($intent));
    }

    public function complete(AuditEntry $entry): void
    {
        $this->asOwner(fn () => $this->file->complete($entry));
    }

    /**
     * @param \Closure(): void $write
     */
    private function asOwner(\Closure $write): void
    {
        array_map(class_exists(...), self::CLASSES);
        $group = posix_getegid();
        try {
            // With root's supplementary groups, the process could open files that the owner cannot open.
            if (!posix_initgroups($this->name, $this->group) || !posix_setegid($this->group) || !posix_seteuid($this->user)) {
                throw new AuditSinkException('the owner of the audit directory could not be taken on');
            }
            $write();
        } finally {
            $isBack = posix_seteuid(0) && posix_setegid($group)
                && posix_initgroups(posix_getpwuid(0)['name'] ?? 'root', $group);
            if (!$isBack) {
                throw new AuditSinkException("root could not take its own user's and groups' place again");
            }
        }
    }

    private static function canSwitch(): bool
    {
        foreach (['setegid', 'seteuid', 'getegid', 'getpwuid', 'initgroups'] as $name) {
            if (!function_exists('posix_' . $name)) {
                return false;
            }
        }
        return true;
    }

    private static function refusal(string $why, string $directory): UsageError
    {
        $user = RootUser::ownerOf($directory);
        return new UsageError("$why Run it as PHP's user:\n    runuser -u $user -- secure-outbound send …");
    }
}
