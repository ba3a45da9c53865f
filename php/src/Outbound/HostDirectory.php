<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound;

use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Audit\JsonLinesAuditSink;
use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
use Netresearch\NrVault\Outbound\Credential\DirectoryCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\Quiet;
use Netresearch\NrVault\Transport\System\RootUser;
use Netresearch\NrVault\Transport\Wire;

/**
 * The files that an operator creates for a host. The exception for a missing file names its path and the command that creates it;
 * the failure of the first call could not name the path.
 *
 * @internal
 */
final readonly class HostDirectory
{
    private string $directory;

    /**
     * @throws OutboundException configuration.invalid
     */
    public function __construct(string $directory, private string $auditLog)
    {
        if (!str_starts_with($directory, '/') || !str_starts_with($auditLog, '/')) {
            throw self::invalid('the directory and the audit log are absolute paths');
        }
        $this->directory = rtrim($directory, '/');
    }

    /**
     * @return array<string, mixed>
     * @throws OutboundException configuration.invalid
     */
    public function configuration(): array
    {
        $file = $this->directory . '/transport.json';
        $json = LocalFile::readItself($file) ?? LocalFile::read($file) ?? throw $this->missing(
            $file,
            '; or write {"version": 1, "master_keys": [{"provider": "file", "path": "' . $this->directory . '/vault.key"}]} into it',
        );
        return Wire::object($json) ?? throw self::invalid("$file is no JSON object: " . json_last_error_msg());
    }

    /**
     * @param string|null $cache directory for the compiled registry
     * @throws OutboundException configuration.invalid for the file as a whole; an entry with a fault disables its service
     */
    public function registry(?string $cache): ServiceRegistry
    {
        $file = $this->directory . '/services.json';
        $registry = new JsonFileServiceRegistry($file, $cache);
        $fault = $registry->fault();
        if ($fault !== null && LocalFile::read($file, 0) === null) {
            throw $this->missing($file, '; or write {"version": 1, "services": {"my-api": {"base_url": '
                . '"https://api.example.com/v1", "policy": {"allowed_methods": ["GET"]}}}} into it');
        }
        return $fault === null ? $registry : throw self::invalid($file . ': ' . $fault->message);
    }

    /**
     * @throws OutboundException configuration.invalid
     */
    public function credentials(): CredentialProvider
    {
        $directory = $this->directory . '/vault';
        if (!self::holds(static fn (): bool => is_dir($directory) && is_executable($directory))) {
            throw $this->missing($directory);
        }
        return new DirectoryCredentialProvider($directory);
    }

    /**
     * @throws OutboundException configuration.invalid
     */
    public function audit(): AuditSink
    {
        $file = $this->auditLog;
        $directory = dirname($file);
        LocalFile::forget();
        if (!self::holds(static fn (): bool => is_dir($directory))) {
            throw $this->missing($directory);
        }
        if (!self::holds(static fn (): bool => is_writable($directory))) {
            throw self::unwritable($directory);
        }
        if (self::holds(static fn (): bool => file_exists($file) && !is_writable($file))) {
            throw self::unwritable($file);
        }
        return new JsonLinesAuditSink(RootUser::isCurrent() ? self::rootsAlone($directory) . '/' . basename($file) : $file);
    }

    private static function unwritable(string $path): OutboundException
    {
        $user = self::user() ?? 'USER';
        return self::invalid("$path cannot be written by " . self::process() . "; give it to it: chown -h $user $path");
    }

    /**
     * As root, a process would create files to which PHP's user cannot append, and follow a link that a worker has put there. So
     * root gets only a directory that nobody else can write to.
     *
     * @return string the directory, without links
     * @throws OutboundException configuration.invalid
     */
    private static function rootsAlone(string $directory): string
    {
        $real = Quiet::call(static fn () => realpath($directory));
        if ($real === false || RootUser::directoryOfOthers($real) !== null) {
            $user = RootUser::ownerOf($directory);
            throw self::invalid("$directory is not root's alone, and root would follow a link that others put there; "
                . "run this as PHP's user: runuser -u $user -- …");
        }
        return $real;
    }

    /**
     * @param string $or what can be done instead of creating all files
     */
    private function missing(string $path, string $or = ''): OutboundException
    {
        $process = self::process();
        $user = in_array(self::user(), [null, 'root'], true) ? '' : ' --user=' . self::user();
        $remedy = "lay it down: secure-outbound init {$this->directory}$user --audit=" . dirname($this->auditLog) . $or;
        LocalFile::forget();
        if (!self::holds(static fn (): bool => file_exists($path))) {
            $hidden = LocalFile::isConfined() ? ', or open_basedir hides it' : '';
            return self::invalid("$path is not there, or $process cannot see it$hidden; $remedy");
        }
        $isDirectory = self::holds(static fn (): bool => is_dir($path));
        if (self::holds(static fn (): bool => is_readable($path) && (!$isDirectory || is_executable($path)))) {
            return self::invalid("$path is of another kind; $remedy");
        }
        $modes = "chgrp " . self::group() . " $path && chmod " . ($isDirectory ? '0750' : '0640') . " $path";
        return self::invalid("$path cannot be read by $process; give it to its group: $modes");
    }

    /**
     * @param \Closure(): bool $look which may cause a warning about open_basedir
     */
    private static function holds(\Closure $look): bool
    {
        return Quiet::call($look);
    }

    private static function process(): string
    {
        $user = self::user();
        return $user === null ? 'this process' : 'user ' . $user;
    }

    /** The user of this process; null if PHP cannot tell. */
    private static function user(): ?string
    {
        if (!function_exists('posix_geteuid') || !function_exists('posix_getpwuid')) {
            return null;
        }
        $user = posix_getpwuid(posix_geteuid());
        return $user === false ? null : $user['name'];
    }

    private static function group(): string
    {
        $group = function_exists('posix_getgrgid') ? posix_getgrgid(posix_getegid()) : false;
        return $group === false ? 'GROUP' : $group['name'];
    }

    private static function invalid(string $message): OutboundException
    {
        return OutboundException::create('configuration.invalid', $message);
    }
}
