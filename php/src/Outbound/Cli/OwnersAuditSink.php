<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Audit\AuditSinkException;
use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Transport\LocalFile;
use Netresearch\NrVault\Transport\Quiet;

/**
 * The audit file of a command that root runs, touched as group and user of its directory's owner. A file of root's would be
 * one that no worker can append to; and the directory is the worker's, who could put a link to any file of root's there,
 * which is why nothing is made as root and given away afterwards.
 *
 * @internal
 */
final readonly class OwnersAuditSink implements AuditSink
{
    private function __construct(private JsonLinesAuditSink $file, private int $user, private int $group, private string $name)
    {
    }

    /**
     * @throws UsageError where this is root and cannot become the owner
     */
    public static function open(string $file): AuditSink
    {
        $sink = new JsonLinesAuditSink($file);
        $owner = Quiet::call(static fn () => fileowner(dirname($file)));
        if (self::effectiveUser() !== 0 || $owner === false || $owner === 0) {
            return $sink;
        }
        if (!self::canSwitch()) {
            throw new UsageError('Root would leave an audit file that its writers cannot append to, and without ext-posix this '
                . "command cannot become their user. Run it as that user:\n    runuser -u " . self::nameOf($owner)
                . ' -- secure-outbound send …');
        }
        $account = posix_getpwuid($owner);
        $group = $account['gid'] ?? (int) Quiet::call(static fn () => filegroup(dirname($file)));
        return new self($sink, $owner, $group, $account['name'] ?? (string) $owner);
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
        $group = posix_getegid();
        // Root's further groups would open what the owner cannot.
        posix_initgroups($this->name, $this->group);
        try {
            if (!posix_setegid($this->group) || !posix_seteuid($this->user)) {
                throw new AuditSinkException('The owner of the audit directory could not be taken on.');
            }
            $write();
        } finally {
            posix_seteuid(0);
            posix_setegid($group);
            posix_initgroups(posix_getpwuid(0)['name'] ?? 'root', $group);
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

    /** Linux tells it without ext-posix as well: "Uid:" real, effective, saved and file system's. */
    private static function effectiveUser(): ?int
    {
        $status = (string) LocalFile::read('/proc/self/status');
        return preg_match('/^Uid:\s+\d+\s+(\d+)/m', $status, $match) === 1 ? (int) $match[1] : null;
    }

    private static function nameOf(int $user): string
    {
        $accounts = (string) LocalFile::read('/etc/passwd');
        return preg_match('/^([^:\n]+):[^:\n]*:' . $user . ':/m', $accounts, $match) === 1 ? $match[1] : '#' . $user;
    }
}
