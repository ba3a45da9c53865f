<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\System\LocalFile;

/**
 * What the system knows about a worker. Any process can set the title of a worker, and remedies give files to the user and group
 * of a worker. Therefore a process counts as one only if its master belongs to root, or to the user who runs the doctor.
 *
 * @internal
 */
final readonly class WorkerProcess
{
    private function __construct(
        public int $master = 0,
        public string $pool = 'www',
        public ?int $user = null,
        public ?int $group = null,
    ) {
    }

    /**
     * @param int $pid as the worker reported it; in another PID namespace, such as a container's, the number may belong to
     *        another process
     */
    public static function of(int $pid): self
    {
        $master = self::number($pid, 'PPid:\s+(\d+)') ?? 0;
        $owners = [0, function_exists('posix_geteuid') ? posix_geteuid() : 0];
        return preg_match('/\Aphp-fpm: pool ([A-Za-z0-9._-]+)/', self::title($pid), $pool) === 1
            && str_starts_with(self::title($master), 'php-fpm: master process ')
            && in_array(self::number($master, 'Uid:\s+\d+\s+(\d+)'), $owners, true)
                ? new self($master, $pool[1], self::number($pid, 'Uid:\s+\d+\s+(\d+)'), self::number($pid, 'Gid:\s+\d+\s+(\d+)'))
                : new self();
    }

    private static function title(int $pid): string
    {
        return (string) LocalFile::read('/proc/' . $pid . '/cmdline');
    }

    private static function number(int $pid, string $pattern): ?int
    {
        $status = (string) LocalFile::read('/proc/' . $pid . '/status');
        return preg_match('/^' . $pattern . '/m', $status, $match) === 1 ? (int) $match[1] : null;
    }
}
