<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\Sidecar\Frames;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * The findings about the sidecar, where the configuration or the registry names it: its socket, whether the user of the workers may connect,
 * is greeted and has the services, whether pools share a user, and whose the daemon's files are.
 *
 * @internal
 */
final class SidecarDaemon
{
    public const CONFIGURATION = '/etc/secure-outbound-sidecar/sidecar.json';

    private const SOCKET = 0140000;

    /**
     * @param array<string, mixed> $config of the transport
     * @param array<string, string> $files `config` and `registry`, as far as they were named
     * @param string $daemonFile its configuration
     * @return list<Finding>
     */
    public static function examine(#[\SensitiveParameter] array $config, array $files, string $daemonFile, Remedies $remedies): array
    {
        $socket = self::socketOf($config);
        $services = self::services($files['registry'] ?? null, $socket !== null);
        if ($socket === null) {
            return $services === [] ? [] : [Finding::critical(
                'sidecar.unnamed',
                'Services go through the sidecar, and the configuration does not name its socket: ' . implode(', ', $services) . '.',
                Remedies::edit(
                    $files['config'] ?? '/etc/secure-outbound/transport.json',
                    '"sidecar": {"socket": "/run/secure-outbound-sidecar/v1.sock"}',
                ),
            )];
        }
        if (!function_exists('posix_getpwnam') || !function_exists('posix_initgroups')) {
            return [Finding::warning('sidecar.unchecked', 'The sidecar was not looked at: PHP has no posix.', $remedies->extension('posix'))];
        }
        $user = self::user(posix_getpwnam($remedies->user));
        return [
            ...self::socket($socket),
            ...self::answer($socket, $services, $user, $daemonFile, $remedies),
            ...PoolUsers::examine('/etc/php/' . $remedies->version . '/fpm/pool.d'),
            ...SidecarFiles::examine($daemonFile, $user),
        ];
    }

    /**
     * @param array<string, mixed> $config of the transport
     */
    public static function socketOf(#[\SensitiveParameter] array $config): ?string
    {
        $socket = is_array($config['sidecar'] ?? null) ? $config['sidecar']['socket'] ?? null : null;
        return is_string($socket) ? $socket : null;
    }

    /** Whether the sidecar has what decides about a service. */
    public static function has(ServiceDefinition $service, bool $isNamed): bool
    {
        return $service->transport === ServiceDefinition::TRANSPORT_SIDECAR
            || ($isNamed && $service->transport === ServiceDefinition::TRANSPORT_AUTO);
    }

    /**
     * @return list<string> ids of the services that go through it
     */
    private static function services(?string $registry, bool $isNamed): array
    {
        if ($registry === null) {
            return [];
        }
        $ids = [];
        $read = new JsonFileServiceRegistry($registry);
        foreach ($read->ids() as $id) {
            try {
                $ids = self::has($read->get($id), $isNamed) ? [...$ids, $id] : $ids;
            } catch (OutboundException) {
                // Another finding reports it.
            }
        }
        return $ids;
    }

    /**
     * @return list<Finding>
     */
    private static function socket(string $socket): array
    {
        $about = Quiet::call(static fn () => lstat($socket));
        if (!is_array($about)) {
            return [];
        }
        if (($about['mode'] & 0170000) !== self::SOCKET) {
            return [Finding::critical('sidecar.socket', $socket . ' is no socket.', 'ls -l ' . escapeshellarg($socket) . '   # what is it?')];
        }
        $owner = posix_getpwuid($about['uid']);
        $group = posix_getgrgid($about['gid']);
        $whose = ($owner === false ? $about['uid'] : $owner['name']) . ':' . ($group === false ? $about['gid'] : $group['name']);
        $told = $socket . ' is ' . $whose . '\'s and has the mode ' . sprintf('%04o', $about['mode'] & 0777) . '.';
        return [($about['mode'] & 0002) === 0
            ? Finding::ok('sidecar.socket', $told)
            : Finding::warning(
                'sidecar.socket',
                $told . ' Everybody may connect, and use up what the daemon can hold.',
                'chmod o-rwx ' . escapeshellarg($socket) . '   # and SocketMode= of the unit, or --mode',
            )];
    }

    /**
     * What it says to the user of the workers.
     *
     * @param list<string> $services
     * @param array{name: string, uid: int, gid: int}|null $user
     * @return list<Finding>
     */
    private static function answer(string $socket, array $services, ?array $user, string $daemonFile, Remedies $remedies): array
    {
        $isRoot = posix_geteuid() === 0;
        $own = self::user(posix_getpwuid(posix_geteuid()));
        $name = ($isRoot ? $user : $own)['name'] ?? 'this user';
        if ($isRoot && $user === null) {
            return [Finding::warning('sidecar.unchecked', 'There is no user ' . $remedies->user . ' whom the sidecar could know.', 'getent passwd')];
        }
        $greeting = SidecarGreeting::ask($socket, $services, $isRoot ? $user : null);
        $edit = Remedies::edit($daemonFile, '"callers": this user with the services; then systemctl reload secure-outbound-sidecar');
        $finding = match ($greeting->state) {
            SidecarGreeting::ABSENT => Finding::critical(
                'sidecar.socket',
                'Nobody listens at ' . $socket . '.',
                'systemctl enable --now secure-outbound-sidecar.socket   # or start the daemon with --listen',
            ),
            SidecarGreeting::DENIED => Finding::critical(
                'sidecar.access',
                $name . ' may not connect to ' . $socket . '.',
                'usermod -aG ' . self::groupOf($socket) . ' ' . escapeshellarg($name) . ' && ' . $remedies->restart(),
            ),
            SidecarGreeting::SILENT => Finding::critical(
                'sidecar.caller',
                'The sidecar does not greet ' . $name . ': it is none of its callers, or has all its connections.',
                $edit,
            ),
            SidecarGreeting::FOREIGN => Finding::critical(
                'sidecar.version',
                'What listens at ' . $socket . ' speaks version ' . ($greeting->version === '' ? 'unknown' : $greeting->version)
                    . ', and PHP version ' . Frames::VERSION . '.',
                'apt-get install --only-upgrade secure-outbound secure-outbound-sidecar   # both of one release',
            ),
            default => Finding::ok('sidecar.hello', 'The sidecar of version ' . $greeting->version . ' greets ' . $name . '.'),
        };
        $findings = [$finding];
        foreach ($greeting->state === SidecarGreeting::GREETED ? $services : [] as $id) {
            $findings[] = in_array($id, $greeting->unknown, true)
                ? Finding::critical('sidecar.service', 'The sidecar gives ' . $name . ' no service "' . $id . '".', $edit)
                : Finding::ok('sidecar.service', 'The sidecar gives ' . $name . ' the service "' . $id . '".');
        }
        return $findings;
    }

    private static function groupOf(string $socket): string
    {
        $about = Quiet::call(static fn () => lstat($socket));
        $group = is_array($about) && $about['gid'] !== 0 ? posix_getgrgid($about['gid']) : false;
        return escapeshellarg($group === false ? 'secure-outbound-clients' : $group['name']);
    }

    /**
     * @param array<mixed>|false $account of posix_getpwnam()
     * @return array{name: string, uid: int, gid: int}|null
     */
    private static function user(array|false $account): ?array
    {
        [$name, $uid, $gid] = [$account['name'] ?? null, $account['uid'] ?? null, $account['gid'] ?? null];
        return is_string($name) && is_int($uid) && is_int($gid) ? ['name' => $name, 'uid' => $uid, 'gid' => $gid] : null;
    }
}
