<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * The files of the sidecar: its configuration, its keys and its envelopes are root's or its own user's, and not for PHP.
 *
 * @internal
 */
final class SidecarFiles
{
    private const CODE = 'sidecar.files';

    private const DAEMON = 'secure-outbound';

    /**
     * @param array{name: string, uid: int, gid: int}|null $worker the user of the workers
     * @return list<Finding>
     */
    public static function examine(string $file, ?array $worker): array
    {
        $text = LocalFile::read($file);
        $read = $text === null ? null : json_decode($text, true);
        if (!is_array($read)) {
            return [Finding::ok(self::CODE, 'The files of the sidecar were not looked at: ' . $file . ' cannot be read by this user.')];
        }
        $findings = [];
        $paths = self::paths($file, $read);
        foreach ($paths as $path) {
            $fault = self::fault($path, $worker);
            if ($fault !== null) {
                $mode = is_dir($path) ? '0750' : '0640';
                $findings[] = Finding::critical(
                    self::CODE,
                    $path . ' ' . $fault,
                    'chown root:' . self::DAEMON . ' ' . escapeshellarg($path) . ' && chmod ' . $mode . ' ' . escapeshellarg($path),
                );
            }
        }
        return $findings === []
            ? [Finding::ok(self::CODE, 'Configuration, keys and envelopes of the sidecar are not for PHP: ' . implode(', ', $paths) . '.')]
            : $findings;
    }

    /**
     * @param array<mixed> $read its configuration
     * @return list<string>
     */
    private static function paths(string $file, #[\SensitiveParameter] array $read): array
    {
        $paths = [$file];
        $outbound = is_array($read['outbound'] ?? null) ? $read['outbound'] : [];
        foreach (is_array($outbound['master_keys'] ?? null) ? $outbound['master_keys'] : [] as $key) {
            $paths[] = is_array($key) && ($key['provider'] ?? null) === 'file' ? $key['path'] ?? null : null;
        }
        $paths[] = $read['envelopes'] ?? null;
        return array_values(array_filter($paths, static fn (mixed $path): bool => is_string($path) && file_exists($path)));
    }

    /**
     * @param array{name: string, uid: int, gid: int}|null $worker
     */
    private static function fault(string $path, ?array $worker): ?string
    {
        $about = Quiet::call(static fn () => stat($path));
        if (!is_array($about)) {
            return null;
        }
        $daemon = posix_getpwnam(self::DAEMON);
        $owners = [0, $daemon === false ? 0 : $daemon['uid'], posix_geteuid()];
        if (!in_array($about['uid'], $owners, true)) {
            return 'belongs neither to root nor to the user ' . self::DAEMON;
        }
        if (($about['mode'] & 0007) !== 0 || ($about['mode'] & 0020) !== 0) {
            return 'is for others as well: its mode is ' . sprintf('%04o', $about['mode'] & 0777);
        }
        if ($worker !== null && ($about['mode'] & 0040) !== 0 && in_array($about['gid'], self::groups($worker), true)) {
            return 'is readable by ' . $worker['name'] . ', who is in its group';
        }
        return null;
    }

    /**
     * @param array{name: string, uid: int, gid: int} $user
     * @return list<int>
     */
    private static function groups(array $user): array
    {
        $groups = [$user['gid']];
        foreach (explode("\n", (string) LocalFile::read('/etc/group')) as $line) {
            $fields = explode(':', $line);
            if (in_array($user['name'], explode(',', $fields[3] ?? ''), true)) {
                $groups[] = (int) $fields[2];
            }
        }
        return $groups;
    }
}
