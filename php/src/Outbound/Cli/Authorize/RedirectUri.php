<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Authorize;

use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Transport\System\Quiet;

/**
 * A redirect URI on the loopback interface (RFC 8252 section 7.3), and the socket that listens there.
 *
 * @internal
 */
final readonly class RedirectUri
{
    public const DEFAULT = 'http://127.0.0.1/';

    /**
     * @param resource $socket
     * @param string $host with its port, as a request has it
     */
    private function __construct(public mixed $socket, public string $host, public string $path)
    {
    }

    /**
     * Begins to listen. Without a port in the URI, the system gives one that is free.
     *
     * @throws UsageError
     */
    public static function listen(string $uri): self
    {
        $form = '{\Ahttp://(127\.0\.0\.1|\[::1\]|localhost)(?::([1-9][0-9]{0,4}))?(/[A-Za-z0-9._~/-]*)?\z}';
        if (preg_match($form, $uri, $parts) !== 1) {
            throw new UsageError('--redirect-uri is http://127.0.0.1, http://[::1] or http://localhost, perhaps with a port and a path.');
        }
        $address = $parts[1] === '[::1]' ? '[::1]' : '127.0.0.1';
        $port = ($parts[2] ?? '') === '' ? '0' : $parts[2];
        $socket = Quiet::call(static fn () => stream_socket_server("tcp://$address:$port"));
        if (!is_resource($socket)) {
            throw new UsageError('--redirect-uri: nothing can listen there; leave the port out, or give another one.');
        }
        stream_set_blocking($socket, false);
        $name = (string) stream_socket_get_name($socket, false);
        $path = ($parts[3] ?? '') === '' ? '/' : $parts[3];
        return new self($socket, $parts[1] . strrchr($name, ':'), $path);
    }

    /** As the authorization server is told it. */
    public function text(): string
    {
        return 'http://' . $this->host . $this->path;
    }
}
