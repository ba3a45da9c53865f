<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Transport\PackageVersion;
use Netresearch\NrVault\Transport\Sidecar\Frames;
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
        stream_set_timeout($stream, self::SECONDS);
        try {
            return self::greet($stream, $services);
        } finally {
            fclose($stream);
        }
    }

    /**
     * @param resource $stream
     * @param list<string> $services
     */
    private static function greet($stream, array $services): self
    {
        $hello = ['version' => Frames::VERSION, 'client' => 'secure-outbound-doctor/' . PackageVersion::NUMBER];
        self::write($stream, Frames::document(Frames::HELLO, 0, Wire::encode($hello)));
        $first = Quiet::call(static fn () => fread($stream, 1));
        if (!is_string($first) || $first === '') {
            return new self(self::SILENT);
        }
        $said = self::document($stream, Frames::HELLO, $first);
        $version = $said['version'] ?? null;
        if ($version !== Frames::VERSION) {
            return new self(self::FOREIGN, is_int($version) ? (string) $version : '');
        }
        $unknown = [];
        foreach ($services as $id) {
            $number = (int) hrtime(true);
            $request = ['version' => Wire::VERSION, 'method' => 'GET'];
            $call = ['version' => Wire::VERSION, 'service_id' => $id, 'body_bytes' => 0, 'request' => $request];
            self::write($stream, Frames::document(Frames::CALL, $number, Wire::encode($call)));
            $decision = self::document($stream, Frames::DECISION, '')['decision'] ?? null;
            // An allowed call has one of the places that the user's real calls need.
            self::write($stream, Frames::cancel($number, Frames::LEFT));
            $error = is_array($decision) ? $decision['error'] ?? null : null;
            if (is_array($error) && ($error['code'] ?? null) === 'policy.service_unknown') {
                $unknown[] = $id;
            }
        }
        $daemon = $said['library_version'] ?? null;
        return new self(self::GREETED, is_string($daemon) ? $daemon : '', $unknown);
    }

    /**
     * @param resource $stream
     */
    private static function write($stream, string $frames): void
    {
        Quiet::call(static fn () => fwrite($stream, $frames));
    }

    /**
     * @param resource $stream
     * @param string $begun what was read of it
     * @return array<mixed> empty for what is no document of this kind
     */
    private static function document($stream, int $kind, string $begun): array
    {
        $document = '';
        do {
            $head = Frames::head($begun . self::read($stream, Frames::HEAD_BYTES - strlen($begun)));
            if ($head === null || $head['kind'] !== $kind) {
                return [];
            }
            $begun = '';
            $document .= self::read($stream, $head['length']);
        } while (!$head['last']);
        return Wire::decode($document) ?? [];
    }

    /**
     * @param resource $stream
     */
    private static function read($stream, int $length): string
    {
        $read = '';
        while (strlen($read) < $length) {
            $piece = Quiet::call(static fn () => fread($stream, max(1, $length - strlen($read))));
            if (!is_string($piece) || $piece === '') {
                break;
            }
            $read .= $piece;
        }
        return $read;
    }
}
