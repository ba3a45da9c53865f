<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

/**
 * The options of a request of Symfony's HttpClientInterface that are not part of the request itself. What the library does not do
 * is refused by its name, unless it asks for nothing.
 *
 * @internal
 */
final readonly class ClientOptions
{
    private const KNOWN = [
        'auth_basic', 'auth_bearer', 'query', 'headers', 'body', 'json', 'user_data', 'max_redirects', 'http_version', 'base_uri',
        'buffer', 'on_progress', 'resolve', 'proxy', 'no_proxy', 'timeout', 'max_duration', 'max_connect_duration', 'bindto',
        'verify_peer', 'verify_host', 'cafile', 'capath', 'local_cert', 'local_pk', 'passphrase', 'ciphers', 'peer_fingerprint',
        'capture_peer_cert_chain', 'crypto_method', 'extra', SecureSymfonyClient::SERVICE,
    ];

    /** The values that ask for nothing, beside null. */
    private const NOTHING = [
        'http_version' => ['1.1', '2', '2.0', 1.1, 2, 2.0],
        'resolve' => [[]],
        'bindto' => ['0', ''],
        'verify_peer' => [true],
        'verify_host' => [true],
        'cafile' => [],
        'capath' => [],
        'local_cert' => [],
        'local_pk' => [],
        'passphrase' => [],
        'ciphers' => [],
        'peer_fingerprint' => [[]],
        'capture_peer_cert_chain' => [false],
        'crypto_method' => [STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT],
    ];

    public mixed $userData;
    public int $maxRedirects;

    /** @var bool|resource|\Closure */
    public mixed $buffer;

    /** @var (callable(int, int, array<string, mixed>): mixed)|null */
    public mixed $onProgress;

    /** @var float seconds without progress */
    public float $timeout;

    /** @var float|null seconds for the whole; null: the policy's */
    public ?float $maxDuration;

    public float $maxConnectDuration;
    public ?string $service;

    /**
     * @param array<mixed> $options
     * @throws InvalidOption
     */
    public function __construct(#[\SensitiveParameter] array $options, string $host)
    {
        foreach (array_keys($options) as $name) {
            if (!in_array($name, self::KNOWN, true)) {
                throw new InvalidOption("there is no option \"$name\"");
            }
        }
        foreach (self::NOTHING as $name => $values) {
            if (isset($options[$name]) && !in_array($options[$name], $values, true)) {
                throw new InvalidOption("the option $name is not supported with another value than its default");
            }
        }
        if (($options['proxy'] ?? '') !== '' && !self::isExcluded($host, $options['no_proxy'] ?? null)) {
            throw new InvalidOption('the option proxy is not supported: proxy of the configuration decides');
        }
        $this->userData = $options['user_data'] ?? null;
        $redirects = $options['max_redirects'] ?? 20;
        $this->maxRedirects = is_int($redirects) ? max(0, $redirects) : throw self::invalid('max_redirects');
        $buffer = $options['buffer'] ?? true;
        $this->buffer = is_bool($buffer) || is_resource($buffer) || $buffer instanceof \Closure ? $buffer : throw self::invalid('buffer');
        $progress = $options['on_progress'] ?? null;
        $this->onProgress = $progress === null || is_callable($progress) ? $progress : throw self::invalid('on_progress');
        $this->timeout = self::seconds($options, 'timeout') ?? (float) ini_get('default_socket_timeout');
        $this->maxDuration = self::positive($options, 'max_duration');
        $this->maxConnectDuration = self::positive($options, 'max_connect_duration') ?? 0.0;
        $service = $options[SecureSymfonyClient::SERVICE] ?? null;
        $this->service = $service === null || is_string($service) ? $service : throw self::invalid(SecureSymfonyClient::SERVICE);
        if (!is_array($options['extra'] ?? [])) {
            throw self::invalid('extra');
        }
    }

    private static function isExcluded(string $host, mixed $excluded): bool
    {
        $excluded ??= $_SERVER['no_proxy'] ?? $_SERVER['NO_PROXY'] ?? '';
        foreach (explode(',', is_string($excluded) ? $excluded : '') as $entry) {
            $entry = ltrim(trim($entry), '.');
            if ($entry === '*' || ($entry !== '' && ($host === $entry || str_ends_with($host, '.' . $entry)))) {
                return true;
            }
        }
        return false;
    }

    /**
     * @param array<mixed> $options
     */
    private static function positive(#[\SensitiveParameter] array $options, string $name): ?float
    {
        $value = self::seconds($options, $name);
        return $value === null || $value <= 0 ? null : $value;
    }

    /**
     * @param array<mixed> $options
     */
    private static function seconds(#[\SensitiveParameter] array $options, string $name): ?float
    {
        $value = $options[$name] ?? null;
        if ($value !== null && (!is_numeric($value) || !is_finite((float) $value))) {
            throw self::invalid($name);
        }
        return $value === null ? null : (float) $value;
    }

    private static function invalid(string $name): InvalidOption
    {
        return new InvalidOption("the option $name has no valid value");
    }
}
