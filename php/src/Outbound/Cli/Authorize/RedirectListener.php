<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Authorize;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * Waits at the redirect URI for the one response of the authorization server. Browsers open connections in advance and ask for icons, and
 * whoever is on this host can connect as well: all others get a refusal, and keep nobody waiting.
 *
 * @internal
 */
final class RedirectListener
{
    private const HEAD_BYTES = 16_384;

    /** Connections at the same time; the oldest makes room. */
    private const CONNECTIONS = 16;

    /** @var array<int, array{resource, string}> connections, and what has come of their requests */
    private array $open = [];

    /**
     * @param \Closure(string): void $tell shows a line to whoever waits
     */
    public function __construct(private readonly RedirectUri $uri, private readonly string $state, private readonly \Closure $tell)
    {
    }

    /**
     * Afterwards nothing listens there any more.
     *
     * @param int $seconds for how long it waits
     * @return array<string, string> the parameters
     * @throws OutboundException oauth.consent_required where none comes
     */
    public function wait(int $seconds): array
    {
        $until = hrtime(true) + $seconds * 1_000_000_000;
        try {
            while (($left = $until - hrtime(true)) > 0) {
                $found = $this->step($left);
                if ($found !== null) {
                    return $found;
                }
            }
        } finally {
            array_map(static fn (array $connection): bool => fclose($connection[0]), $this->open);
            $this->open = [];
            fclose($this->uri->socket);
        }
        throw OutboundException::create('oauth.consent_required', "nobody has consented within $seconds seconds");
    }

    /**
     * @param int $left nanoseconds
     * @return array<string, string>|null
     */
    private function step(int $left): ?array
    {
        $readable = [$this->uri->socket, ...array_column($this->open, 0)];
        $none = null;
        $changed = Quiet::call(static function () use (&$readable, &$none, $left) {
            return stream_select($readable, $none, $none, intdiv($left, 1_000_000_000), intdiv($left % 1_000_000_000, 1000) + 1);
        });
        foreach (is_int($changed) && $changed > 0 ? $readable : [] as $stream) {
            $found = $stream === $this->uri->socket ? $this->accept() : $this->read($stream);
            if ($found !== null) {
                return $found;
            }
        }
        return null;
    }

    private function accept(): null
    {
        $connection = Quiet::call(fn () => stream_socket_accept($this->uri->socket, 0));
        if (is_resource($connection)) {
            stream_set_blocking($connection, false);
            if (count($this->open) >= self::CONNECTIONS) {
                $this->close(array_key_first($this->open));
            }
            $this->open[(int) $connection] = [$connection, ''];
        }
        return null;
    }

    /**
     * @param resource $connection
     * @return array<string, string>|null
     */
    private function read(mixed $connection): ?array
    {
        $id = (int) $connection;
        if (!isset($this->open[$id])) {
            return null;
        }
        $piece = Quiet::call(static fn () => fread($connection, self::HEAD_BYTES));
        $this->open[$id][1] .= is_string($piece) ? $piece : '';
        $text = $this->open[$id][1];
        $end = strpos($text, "\r\n\r\n");
        if ($end === false) {
            if (feof($connection) || strlen($text) >= self::HEAD_BYTES) {
                $this->close($id);
            }
            return null;
        }
        $request = RedirectRequest::read(substr($text, 0, $end), $this->uri, $this->state);
        Quiet::call(static fn () => fwrite($connection, $request->response()));
        $this->close($id);
        if ($request->parameters === null && $request->status !== 404) {
            ($this->tell)('A request to the redirect URI was refused, and it is waited for another one. ' . $request->said);
        }
        return $request->parameters;
    }

    private function close(int $id): void
    {
        $connection = $this->open[$id][0];
        unset($this->open[$id]);
        // What the browser has sent beyond the head would make a reset of this end, and the page could be lost.
        Quiet::call(static fn () => stream_socket_shutdown($connection, STREAM_SHUT_WR));
        Quiet::call(static fn () => fread($connection, self::HEAD_BYTES));
        fclose($connection);
    }
}
