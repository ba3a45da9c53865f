<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\System\LocalFile;

/**
 * The users of php-fpm's pools: the sidecar knows callers by their user, so pools that share one have the same services.
 *
 * @internal
 */
final class PoolUsers
{
    private const CODE = 'sidecar.shared_user';

    /**
     * @param string $directory of the files of the pools
     * @return list<Finding>
     */
    public static function examine(string $directory): array
    {
        $pools = [];
        foreach (FileNames::matching($directory . '/*.conf') as $file) {
            $pool = '';
            foreach (explode("\n", (string) LocalFile::read($file)) as $line) {
                if (preg_match('/^\s*\[([^\]]+)\]/', $line, $match) === 1) {
                    $pool = $match[1];
                } elseif (preg_match('/^\s*user\s*=\s*["\']?([A-Za-z0-9_.-]+)/', $line, $match) === 1) {
                    // The last line counts, also one of another file.
                    $pools[$pool] = ['user' => $match[1], 'file' => $file];
                }
            }
        }
        $findings = [];
        $users = [];
        foreach ($pools as $pool => ['user' => $user, 'file' => $file]) {
            $users[$user][$pool] = $file;
        }
        foreach ($users as $user => $files) {
            if (count($files) > 1) {
                $findings[] = Finding::warning(
                    self::CODE,
                    'The pools ' . implode(', ', array_keys($files)) . ' share the user ' . $user
                        . ', and with it every service that the sidecar gives it.',
                    Remedies::edit($files[array_key_last($files)], 'user = one of its own, which the daemon\'s "callers" have to name as well'),
                );
            }
        }
        return $findings === [] && $pools !== []
            ? [Finding::ok(self::CODE, 'Each pool of php-fpm has a user of its own.')]
            : $findings;
    }
}
