<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\PackageVersion;
use Netresearch\NrVault\Transport\Sidecar\Connection;
use Netresearch\NrVault\Transport\Sidecar\Frames;
use Netresearch\NrVault\Transport\Sidecar\SidecarCall;
use Netresearch\NrVault\Transport\System\Quiet;
use Netresearch\NrVault\Transport\Wire;

/**
 * What the sidecar says to a user: whether it lets it connect, whether it greets, and which services it gives it. No call is made; the
 * sidecar records each service that it refuses.
 *
 * @internal
 */
final readonly class SidecarGreeting
{
    /** The user may not open the socket. */
    public const DENIED = 'denied';

    /** Nobody listens. */
    public const ABSENT = 'absent';

    /** The connection was closed without a byte: the user is no caller, or has all its connections. */
    public const SILENT = 'silent';

    /** What it says is no greeting of this version. */
    public const FOREIGN = 'foreign';

    public const GREETED = 'greeted';

    private const SECONDS = 5;

    private const EACCES = 13;

    /**
     * @param string $state one of the constants
     * @param string $version of the frames, or of the daemon where it greets
     * @param list<string> $unknown services that it does not give this user
     */
    private function __construct(public string $state, public string $version = '', public array $unknown = [])
    {
    }

    /**
     * @param list<string> $services
     * @param array{name: string, uid: int, gid: int}|null $user as whom it asks, which takes root; null: as this process
     */
    public static function ask(string $socket, array $services, ?array $user): self
    {
        if ($user === null) {
            return self::connect($socket, $services);
        }
        try {
            // The groups that the user has now, which its running processes may not have.
            if (!posix_initgroups($user['name'], $user['gid']) || !posix_setegid($user['gid']) || !posix_seteuid($user['uid'])) {
                return new self(self::DENIED);
            }
            return self::connect($socket, $services);
        } finally {
            if (!posix_seteuid(0) || !posix_setegid(0) || !posix_initgroups('root', 0)) {
                throw new \RuntimeException('The doctor could not become root again.');
            }
        }
    }

    /**
     * @param list<string> $services
     */
    private static function connect(string $socket, array $services): self
    {
        $stream = Quiet::call(static function () use ($socket, &$number) {
            return stream_socket_client('unix://' . $socket, $number, $text, self::SECONDS);
        });
        if (!is_resource($stream)) {
            return new self($number === self::EACCES ? self::DENIED : self::ABSENT);
        }
        $connection = new Connection($stream);
        try {
            return self::greet($connection, $services);
        } finally {
            $connection->close();
        }
    }

    /**
     * @param list<string> $services
     */
    private static function greet(Connection $connection, array $services): self
    {
        $hello = ['version' => Frames::VERSION, 'client' => 'secure-outbound-doctor/' . PackageVersion::NUMBER];
        $greeting = $connection->enter(0);
        $connection->put(Frames::document(Frames::HELLO, 0, Wire::encode($hello)));
        $said = self::told($greeting, static fn (): ?string => $greeting->hello);
        if ($said === []) {
            return new self($connection->hasSpoken() ? self::FOREIGN : self::SILENT);
        }
        $version = $said['version'] ?? null;
        if ($version !== Frames::VERSION) {
            return new self(self::FOREIGN, is_int($version) ? (string) $version : '');
        }
        $unknown = [];
        foreach ($services as $id) {
            $call = $connection->enter((int) hrtime(true));
            $request = ['version' => Wire::VERSION, 'method' => 'GET'];
            $document = ['version' => Wire::VERSION, 'service_id' => $id, 'body_bytes' => 0, 'request' => $request];
            $connection->put(Frames::document(Frames::CALL, $call->id, Wire::encode($document)));
            $decision = self::told($call, static fn (): ?string => $call->decision)['decision'] ?? null;
            // An allowed call has one of the places that the user's real calls need.
            $connection->cancel($call, Frames::LEFT);
            $error = is_array($decision) ? $decision['error'] ?? null : null;
            if (is_array($error) && ($error['code'] ?? null) === 'policy.service_unknown') {
                $unknown[] = $id;
            }
        }
        $daemon = $said['library_version'] ?? null;
        return new self(self::GREETED, is_string($daemon) ? $daemon : '', $unknown);
    }

    /**
     * A document of the daemon's, as soon as it is there.
     *
     * @param \Closure(): ?string $document
     * @return array<mixed> empty where none comes
     */
    private static function told(SidecarCall $call, \Closure $document): array
    {
        $until = (int) hrtime(true) + self::SECONDS * 1_000_000_000;
        while ($document() === null && $call->lost === null && $call->connection->turn($until)) {
            continue;
        }
        return Wire::decode($document() ?? '') ?? [];
    }
}
