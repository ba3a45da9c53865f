<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Authorize;

/**
 * A request to the redirect URI, judged: whether it is the one that is waited for, and what it gets in response.
 *
 * @internal
 */
final readonly class RedirectRequest
{
    /**
     * @param array<string, string>|null $parameters of the authorization response; null where it is none
     */
    private function __construct(public ?array $parameters, public int $status, public string $said)
    {
    }

    /**
     * @param string $head request line and header fields, without the blank line
     */
    public static function read(string $head, RedirectUri $uri, string $state): self
    {
        $lines = explode("\r\n", $head);
        if (preg_match('{\A(\S+) (/[^\s?#]*)(?:\?([^\s#]*))? HTTP/1\.[01]\z}', $lines[0], $parts) !== 1) {
            return new self(null, 400, 'This is no request for the redirect URI.');
        }
        $hosts = array_values(array_filter($lines, static fn (string $line): bool => strncasecmp($line, 'host:', 5) === 0));
        // A name that leads to this address only for the time of an attack is another host.
        if (count($hosts) !== 1 || strcasecmp(trim(substr($hosts[0], 5)), $uri->host) !== 0) {
            return new self(null, 400, 'This is no request for the redirect URI: another host.');
        }
        if ($parts[2] !== $uri->path) {
            return new self(null, 404, 'There is nothing here.');
        }
        if ($parts[1] !== 'GET') {
            return new self(null, 405, 'The response of the authorization server comes by GET.');
        }
        $parameters = self::parameters($parts[3] ?? '');
        if ($parameters === null) {
            return new self(null, 400, 'A parameter stands twice.');
        }
        if (!hash_equals($state, $parameters['state'] ?? '')) {
            return new self(null, 400, 'The state is another one than was asked with: open the URL that the terminal shows.');
        }
        return isset($parameters['error'])
            ? new self($parameters, 200, 'The authorization server has refused. The terminal says more; this window may be closed.')
            : new self($parameters, 200, 'The answer has arrived. The terminal says how it goes on; this window may be closed.');
    }

    /** The response, a small plain page. */
    public function response(): string
    {
        $reason = match ($this->status) {
            200 => 'OK',
            404 => 'Not Found',
            405 => 'Method Not Allowed',
            default => 'Bad Request',
        };
        return implode("\r\n", [
            "HTTP/1.1 $this->status $reason",
            'Content-Type: text/plain; charset=utf-8',
            'Content-Length: ' . (strlen($this->said) + 1),
            'Cache-Control: no-store',
            'Referrer-Policy: no-referrer',
            'X-Content-Type-Options: nosniff',
            ...($this->status === 405 ? ['Allow: GET'] : []),
            'Connection: close',
            '',
            $this->said . "\n",
        ]);
    }

    /**
     * @return array<string, string>|null null where a name stands twice
     */
    private static function parameters(#[\SensitiveParameter] string $query): ?array
    {
        $parameters = [];
        foreach ($query === '' ? [] : explode('&', $query) as $pair) {
            $parts = explode('=', $pair, 2);
            $name = urldecode($parts[0]);
            if (isset($parameters[$name])) {
                return null;
            }
            $parameters[$name] = urldecode($parts[1] ?? '');
        }
        return $parameters;
    }
}
