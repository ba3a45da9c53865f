<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Engine;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Credential\CredentialOpener;
use Netresearch\NrVault\Transport\Php\Keys\Keyring;
use Netresearch\NrVault\Transport\Php\Net\Exchange;
use Netresearch\NrVault\Transport\Php\Net\Guard;
use Netresearch\NrVault\Transport\Php\Net\Handles;
use Netresearch\NrVault\Transport\Php\Net\Proxy;
use Netresearch\NrVault\Transport\Php\Net\Transfers;
use Netresearch\NrVault\Transport\Php\Net\Trust;
use Netresearch\NrVault\Transport\Php\Policy\InternalHosts;
use Netresearch\NrVault\Transport\Php\Policy\PolicyDecision;
use Netresearch\NrVault\Transport\Php\Policy\Rules;
use Netresearch\NrVault\Transport\Php\Policy\Versions;
use Netresearch\NrVault\Transport\PolicyForm;
use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\Text\Names;
use Netresearch\NrVault\Transport\Wire;

/**
 * Reads the configuration document, which docs/wire.md describes. Unknown keys are refused, as in the library: a misspelt limit
 * must not be ignored.
 *
 * @internal
 */
final class Configuration
{
    private const DAY_MS = 86_400_000;

    private const DEFAULTS = ['timeout_ms' => 30_000, 'connect_timeout_ms' => 10_000, 'response_bytes' => 8 << 20];

    private const LIMITS = [
        'timeout_ms' => 600_000,
        'request_bytes' => Wire::REQUEST_BYTES,
        'response_bytes' => 256 << 20,
        'header_bytes' => 64 << 10,
    ];

    private const TLS = ['roots' => Trust::SYSTEM, 'ca_file' => null, 'crl_file' => null, 'post_quantum' => true];

    private const VERSIONS = ['2', '1.1'];

    /**
     * @param array<string, mixed> $config
     * @throws OutboundException configuration.invalid, configuration.transport_unavailable, credential.key_unavailable
     */
    public static function open(#[\SensitiveParameter] array $config, Transfers $transfers): Settings
    {
        $config = self::document($config);
        if ($config['version'] !== Wire::VERSION) {
            throw self::invalid("the configuration's version must be 1");
        }
        if (!is_bool($config['php_transport'])) {
            throw self::invalid('php_transport is neither true nor false');
        }
        if (!is_array($config['master_keys'])) {
            throw self::invalid('master_keys is not a list');
        }
        $hosts = InternalHosts::read($config['internal_hosts']);
        [$trust, $isPostQuantum] = self::trust($config['tls']);
        $proxy = $config['proxy'] === null ? null : self::proxy($config['proxy']);
        self::checkDirectory('token_cache', $config['token_cache']);
        self::checkDirectory('refresh_tokens', $config['refresh_tokens']);
        self::checkSidecar($config['sidecar']);
        $defaults = self::numbers($config['defaults'], 'defaults', self::DEFAULTS);
        [$limits, $hostLimit, $requireBinding] = self::limits($config['limits']);
        $versions = self::versions($config['http_versions']);
        // Without 1.1, a server without HTTP/2 would still get the request, because libcurl reports the version only with the
        // response.
        if (!$versions->http1) {
            throw self::invalid('http_versions without 1.1 needs the library: the transport in PHP cannot insist on HTTP/2');
        }
        $userAgent = self::userAgent($config['user_agent']);
        if (!$config['php_transport']) {
            // The setting means that PHP must not read any key, so it is checked before the keys are read.
            throw self::forbidden();
        }
        $keyring = Keyring::open($config['master_keys']);
        $handles = new Handles($trust, $isPostQuantum);
        return new Settings(
            new PolicyDecision($hosts, $limits['request_bytes'], $hostLimit, $versions),
            new CredentialOpener($keyring),
            $requireBinding,
            new Exchange(
                new Guard($hosts),
                $proxy,
                $handles,
                $transfers,
                $defaults['connect_timeout_ms'],
                $limits['header_bytes'],
            ),
            $proxy,
            $defaults['timeout_ms'],
            $limits['timeout_ms'],
            $limits['idle_timeout_ms'] ?? null,
            $defaults['response_bytes'],
            $limits['response_bytes'],
            $userAgent,
            [...self::warnings($trust, $config['http_versions']), ...$keyring->warnings()],
        );
    }

    /**
     * The part of a configuration that decides on requests; its files and keys are not read.
     *
     * @param array<string, mixed> $config
     * @throws OutboundException configuration.invalid
     */
    public static function decision(#[\SensitiveParameter] array $config): PolicyDecision
    {
        $config = self::document($config);
        [$limits, $hostLimit] = self::limits($config['limits']);
        $hosts = InternalHosts::read($config['internal_hosts']);
        return new PolicyDecision($hosts, $limits['request_bytes'], $hostLimit, self::versions($config['http_versions']));
    }

    /** The exception for a configuration with php_transport: false. */
    public static function forbidden(string $why = ''): OutboundException
    {
        return OutboundException::create(
            'configuration.transport_unavailable',
            'the configuration forbids the transport in PHP (php_transport is false)' . ($why === '' ? '' : '; ' . $why),
        );
    }

    /**
     * @param array<string, mixed> $config
     * @return array<string, mixed>
     */
    private static function document(#[\SensitiveParameter] array $config): array
    {
        return self::object($config, 'the configuration', [
            'version' => Wire::VERSION,
            'master_keys' => [],
            'internal_hosts' => [],
            'tls' => [],
            'proxy' => null,
            'token_cache' => null,
            'refresh_tokens' => null,
            'defaults' => [],
            'limits' => [],
            'php_transport' => true,
            'sidecar' => null,
            'http_versions' => self::VERSIONS,
            'user_agent' => Product::USER_AGENT,
        ]);
    }

    /**
     * @return array{array<string, int>, Rules|null, bool} the numbers, the allowed hosts, and require_binding
     */
    private static function limits(mixed $limits): array
    {
        $more = ['hosts' => null, 'require_binding' => false, 'idle_timeout_ms' => null];
        $all = self::object($limits, 'limits', self::LIMITS + $more);
        $numbers = self::numbers(array_diff_key($all, $more), 'limits', self::LIMITS);
        if ($all['idle_timeout_ms'] !== null) {
            $idle = ['idle_timeout_ms' => $all['idle_timeout_ms']];
            $numbers += self::numbers($idle, 'limits', ['idle_timeout_ms' => self::DAY_MS]);
        }
        $hosts = self::hosts($all['hosts']);
        if (!is_bool($all['require_binding'])) {
            throw self::invalid('limits.require_binding is neither true nor false');
        }
        if ($numbers['header_bytes'] < 1024 || $numbers['header_bytes'] > 16 << 20) {
            throw self::invalid('limits.header_bytes must be from 1024 to 16777216');
        }
        return [$numbers, $hosts, $all['require_binding']];
    }

    /**
     * @return array{Trust, bool} the trust anchors, and whether post-quantum key exchanges are offered
     */
    private static function trust(mixed $tls): array
    {
        $tls = self::object($tls, 'tls', self::TLS);
        if (!is_bool($tls['post_quantum'])) {
            throw self::invalid('tls.post_quantum is neither true nor false');
        }
        if (!in_array($tls['roots'], [Trust::SYSTEM, Trust::FILE, Trust::BOTH], true)) {
            throw self::invalid('tls.roots is system, file or system+file');
        }
        return [Trust::load($tls['roots'], self::path($tls, 'ca_file'), self::path($tls, 'crl_file')), $tls['post_quantum']];
    }

    /**
     * @param array<string, mixed> $tls
     */
    private static function path(array $tls, string $key): ?string
    {
        $path = $tls[$key];
        if ($path !== null && !is_string($path) || str_contains((string) $path, "\0")) {
            throw self::invalid('tls.' . $key . ' is not a path');
        }
        return $path;
    }

    private static function proxy(#[\SensitiveParameter] mixed $proxy): Proxy
    {
        $proxy = self::object($proxy, 'proxy', ['url' => null, 'no_proxy' => [], 'resolve' => Proxy::LOCAL]);
        if (!is_string($proxy['url'])) {
            throw self::invalid('proxy.url is missing or not a text');
        }
        if (!in_array($proxy['resolve'], [Proxy::LOCAL, Proxy::PROXY], true)) {
            throw self::invalid('proxy.resolve is local or proxy');
        }
        return Proxy::create($proxy['url'], self::texts($proxy['no_proxy'], 'proxy.no_proxy'), $proxy['resolve']);
    }

    /** Only the library uses tokens, but the same configuration may be used for both transports. */
    private static function checkDirectory(string $key, mixed $tokens): void
    {
        $directory = $tokens === null ? '/' : self::object($tokens, $key, ['directory' => null])['directory'];
        if (!is_string($directory) || !str_starts_with($directory, '/')) {
            throw self::invalid($key . '.directory must be an absolute path');
        }
    }

    private static function checkSidecar(mixed $sidecar): void
    {
        $socket = $sidecar === null ? '/' : self::object($sidecar, 'sidecar', ['socket' => null])['socket'];
        if (!is_string($socket) || !str_starts_with($socket, '/')) {
            throw self::invalid('sidecar.socket must be an absolute path');
        }
    }

    /** The hosts that any policy may allow; null: all. */
    private static function hosts(mixed $hosts): ?Rules
    {
        if ($hosts === null) {
            return null;
        }
        $hosts = self::texts($hosts, 'limits.hosts');
        try {
            return Rules::parseHosts('limits.hosts', $hosts);
        } catch (OutboundException $exception) {
            throw self::invalid($exception->reason());
        }
    }

    /**
     * @param array<string, int> $defaults
     * @return array<string, int>
     */
    private static function numbers(mixed $value, string $name, array $defaults): array
    {
        $numbers = self::object($value, $name, $defaults);
        foreach ($numbers as $key => $number) {
            if (!is_int($number) || $number < 0) {
                throw self::invalid($name . '.' . $key . ' is not a whole number');
            }
            if (str_ends_with($key, '_ms') && ($number < 1 || $number > self::DAY_MS)) {
                throw self::invalid($name . '.' . $key . ' must be from 1 to ' . self::DAY_MS);
            }
        }
        return $numbers;
    }

    private static function versions(mixed $value): Versions
    {
        $fault = PolicyForm::faultOfVersions($value);
        return $fault === null ? Versions::of(self::texts($value, 'http_versions')) : throw self::invalid('http_versions ' . $fault);
    }

    private static function userAgent(mixed $value): string
    {
        if (!is_string($value) || preg_match('/\A[^\x00-\x08\x0A-\x1F\x7F]*\z/u', $value) !== 1) {
            throw self::invalid('user_agent cannot be sent in a header');
        }
        return $value;
    }

    /**
     * @return list<string>
     */
    private static function texts(mixed $value, string $name): array
    {
        if (!is_array($value) || !array_is_list($value) || array_filter($value, is_string(...)) !== $value) {
            throw self::invalid($name . ' is not a list of texts');
        }
        return $value;
    }

    /**
     * An object of the document, with defaults for missing keys.
     *
     * @param array<string, mixed> $defaults
     * @return array<string, mixed>
     */
    private static function object(#[\SensitiveParameter] mixed $value, string $name, array $defaults): array
    {
        if (!is_array($value)) {
            throw self::invalid($name . ' is not an object');
        }
        $unknown = Names::unknown($name, $value, array_keys($defaults));
        if ($unknown !== null) {
            throw self::invalid($unknown);
        }
        $object = $defaults;
        foreach (array_keys($defaults) as $key) {
            if (array_key_exists($key, $value)) {
                $object[$key] = $value[$key];
            }
        }
        return $object;
    }

    /**
     * @return list<array{code: string, message: string}>
     */
    private static function warnings(Trust $trust, mixed $versions): array
    {
        $warnings = [];
        if ($trust->isEmpty()) {
            $warnings[] = [
                'code' => 'tls.no_roots',
                'message' => 'no trust anchor was found, so no https server will be trusted; install ca-certificates or set tls.ca_file'
                    . (LocalFile::isConfined() ? '; open_basedir may hide them, add /etc/ssl/certs or /etc/pki' : ''),
            ];
        }
        if (in_array('3', (array) $versions, true)) {
            $warnings[] = [
                'code' => 'http_versions.no_http3',
                'message' => 'http_versions has 3, and the transport in PHP does not speak it; calls speak what else is there',
            ];
        }
        return $warnings;
    }

    private static function invalid(string $message): OutboundException
    {
        return OutboundException::create('configuration.invalid', $message);
    }
}
