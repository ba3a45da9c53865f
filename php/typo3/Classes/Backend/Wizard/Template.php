<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Wizard;

/**
 * What is known of a provider: the URL of its API, the methods and paths that are meant to be called, and where its key goes.
 *
 * @internal
 */
final readonly class Template
{
    public const KEY = 'secret';
    public const CLIENT = 'oauth2_client_credentials';
    public const ACCOUNT = 'oauth2_jwt_bearer';

    /**
     * @param string $baseUrl "" if each customer of the provider has a base URL of its own
     * @param list<string> $methods
     * @param list<string> $paths patterns
     * @param array{type: string, name?: string, prefix?: string} $placement of the key
     * @param array<string, string> $headers of each request
     * @param string $test method and path of the test call; "" if every call needs a body or a query
     * @param string $idempotencyHeader "" where the provider has none
     * @param array<string, string> $alternatives base URLs by the suffix of the key
     * @param string $tokenUrl where a client gets its tokens; "" where the provider gives a key
     * @param bool $hasAccount whether the provider gives a service account's file, as Google does
     */
    public function __construct(
        public string $id,
        public string $name,
        public string $baseUrl,
        public array $methods,
        public array $paths,
        public array $placement = ['type' => 'bearer'],
        public array $headers = [],
        public string $test = '',
        public string $idempotencyHeader = '',
        public array $alternatives = [],
        public string $tokenUrl = '',
        public bool $hasAccount = false,
    ) {
    }

    public function type(): string
    {
        return match (true) {
            $this->hasAccount => self::ACCOUNT,
            $this->tokenUrl !== '' => self::CLIENT,
            default => self::KEY,
        };
    }

    /**
     * The hosts to which the secret is bound.
     *
     * @return list<string> as a binding has them
     */
    public function hosts(string $baseUrl): array
    {
        $hosts = [];
        foreach ([$baseUrl, ...array_values($this->alternatives), $this->tokenUrl] as $url) {
            $host = parse_url($url, PHP_URL_HOST);
            $port = parse_url($url, PHP_URL_PORT);
            if (is_string($host) && $host !== '') {
                $hosts[] = $host . (is_int($port) ? ":$port" : '');
            }
        }
        return array_values(array_unique($hosts));
    }

    /**
     * The columns of the service.
     *
     * @return array<string, string>
     */
    public function service(string $id, string $baseUrl): array
    {
        [$method, $path] = explode(' ', $this->test, 2) + ['', ''];
        return [
            'identifier' => $id,
            'base_url' => $baseUrl,
            'allowed_methods' => implode(',', $this->methods),
            'allowed_paths' => implode("\n", $this->paths),
            'headers' => self::lines($this->headers, ': '),
            'alternatives' => self::lines($this->alternatives, ' '),
            'idempotency_header' => $this->idempotencyHeader,
            'test_method' => $method,
            'test_path' => $path,
        ];
    }

    /**
     * The columns of the credential set.
     *
     * @return array<string, string>
     */
    public function set(string $id): array
    {
        return ['identifier' => $id, 'type' => $this->type()] + ($this->type() !== self::KEY ? [] : [
            'placement' => $this->placement['type'],
            'placement_name' => $this->placement['name'] ?? '',
            'placement_prefix' => $this->placement['prefix'] ?? '',
        ]);
    }

    /**
     * @param array<string, string> $map
     */
    private static function lines(array $map, string $between): string
    {
        $lines = [];
        foreach ($map as $name => $value) {
            $lines[] = $name . $between . $value;
        }
        return implode("\n", $lines);
    }
}
