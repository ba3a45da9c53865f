<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Configuration;

use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;

/**
 * The part of $GLOBALS['TYPO3_CONF_VARS']['HTTP'] that has an effect on the library. TYPO3's own client uses all of it.
 *
 * @internal
 */
final class HttpSettings
{
    /** TYPO3's default values. */
    private const DEFAULTS = [
        'allow_redirects' => ['max' => 5, 'strict' => false],
        'cert' => null,
        'handler' => [],
        'ssl_key' => null,
    ];

    private const PATH = "\$GLOBALS['TYPO3_CONF_VARS']['HTTP']";

    /** @var array<string, mixed> parts of the configuration document */
    public readonly array $document;

    /** @var list<string>|null null: no limit */
    public readonly ?array $allowedHosts;

    /** @var list<Finding> */
    public readonly array $findings;

    /** @var list<Finding> */
    private array $found = [];

    public function __construct()
    {
        $http = ConfVars::at('HTTP');
        $http = is_array($http) ? $http : [];
        $this->document = array_filter([
            'defaults' => array_filter([
                'timeout_ms' => self::milliseconds($http['timeout'] ?? null),
                'connect_timeout_ms' => self::milliseconds($http['connect_timeout'] ?? null),
            ], is_int(...)),
            'proxy' => $this->proxy($http['proxy'] ?? null),
            'tls' => $this->tls($http['verify'] ?? null),
            'user_agent' => self::userAgent($http['headers'] ?? null),
        ], static fn (mixed $part): bool => $part !== null && $part !== []);
        $this->allowedHosts = $this->hosts($http['allowed_hosts'] ?? null);
        $this->ignored($http);
        $this->findings = $this->found;
    }

    /** For a value above 0. Guzzle takes 0 for "unlimited", which the library does not have. */
    private static function milliseconds(mixed $seconds): ?int
    {
        return is_numeric($seconds) && (float) $seconds > 0 ? (int) ceil((float) $seconds * 1000) : null;
    }

    /**
     * @return array<string, mixed>|null
     */
    private function proxy(mixed $proxy): ?array
    {
        if (is_string($proxy) && $proxy !== '') {
            return ['url' => $proxy];
        }
        if (!is_array($proxy)) {
            return null;
        }
        $url = $proxy['https'] ?? null;
        $plain = $proxy['http'] ?? null;
        if ($plain !== null && $plain !== '' && $plain !== $url) {
            $this->note(
                'proxy.http',
                'names another proxy for http://. Plain http:// never goes through one here: it goes to internal hosts only.',
            );
        }
        $hosts = $this->withoutProxy($proxy['no'] ?? []);
        return is_string($url) && $url !== '' ? ['url' => $url] + ($hosts === [] ? [] : ['no_proxy' => $hosts]) : null;
    }

    /**
     * @return list<string>
     */
    private function withoutProxy(mixed $entries): array
    {
        $entries = is_string($entries) ? explode(',', $entries) : $entries;
        $hosts = [];
        foreach (is_array($entries) ? $entries : [] as $entry) {
            $host = is_string($entry) ? trim($entry) : '';
            // Guzzle writes all subdomains of a domain in this way.
            $host = str_starts_with($host, '.') ? '*' . $host : $host;
            if (preg_match('/\A(\*\.)?[^\s\/@?#\\\\:*\[\]]+\z/', $host) === 1) {
                $hosts[] = $host;
            } elseif ($host !== '') {
                $this->warn(
                    'proxy.no',
                    "has in 'no' the entry \"$host\", which is no name of a host: what it is meant for goes through the proxy.",
                    'Write the name of a host, without a port, with *. in front for its subdomains.',
                );
            }
        }
        return $hosts;
    }

    /**
     * @return array<string, string>|null
     */
    private function tls(mixed $verify): ?array
    {
        if (is_string($verify) && filter_var($verify, FILTER_VALIDATE_BOOLEAN, FILTER_NULL_ON_FAILURE) === null) {
            return ['roots' => 'file', 'ca_file' => $verify];
        }
        if ($verify !== null && filter_var($verify, FILTER_VALIDATE_BOOLEAN, FILTER_NULL_ON_FAILURE) !== true) {
            $this->found[] = Finding::critical(
                'http.verify',
                self::of('verify') . ' turns the check of certificates off: whoever is on the way reads what TYPO3 sends. Calls of this extension '
                    . 'check them all the same.',
                'Set it to true, or to the path of a file with the authority that is missing.',
            );
        }
        return null;
    }

    private static function userAgent(mixed $headers): ?string
    {
        foreach (is_array($headers) ? $headers : [] as $name => $value) {
            if (strtolower((string) $name) === 'user-agent' && is_string($value) && $value !== '') {
                return $value;
            }
        }
        return null;
    }

    /**
     * @return list<string>|null
     */
    private function hosts(mixed $hosts): ?array
    {
        if (!is_array($hosts) || $hosts === []) {
            return null;
        }
        $flat = array_values(array_filter($hosts, is_string(...)));
        if ($flat === []) {
            $this->warn(
                'allowed_hosts.contexts',
                "has contexts of TYPO3's own and no host: it is no ceiling here, and nr-vault's own client refuses every host.",
                'Name the hosts as texts beside the contexts.',
            );
            return null;
        }
        foreach (array_filter($flat, static fn (string $host): bool => !HostList::isEntry($host)) as $host) {
            $this->warn(
                'allowed_hosts.form',
                "has the entry \"$host\", which is neither \"host\" nor \"host:port\": nothing is allowed by it.",
                'Write the name of a host, with *. in front for its subdomains.',
            );
        }
        return array_values(array_filter($flat, HostList::isEntry(...)));
    }

    /**
     * @param array<mixed> $http
     */
    private function ignored(array $http): void
    {
        foreach (self::DEFAULTS as $key => $default) {
            if (array_key_exists($key, $http) && self::sorted($http[$key]) !== $default) {
                $this->note($key, 'is set, and means nothing to calls of this extension: ' . match ($key) {
                    'allow_redirects' => 'redirects are a matter of each service.',
                    'handler' => 'listen to CallEnded in place of a handler.',
                    default => 'client certificates are not supported.',
                });
            }
        }
    }

    private static function sorted(mixed $value): mixed
    {
        if (is_array($value)) {
            ksort($value);
        }
        return $value;
    }

    private function warn(string $code, string $message, string $remedy): void
    {
        $this->found[] = Finding::warning("http.$code", self::of($code) . " $message", $remedy);
    }

    /** For a setting that is correct, but has no effect on the library. */
    private function note(string $code, string $message): void
    {
        $this->found[] = Finding::ok("http.$code", self::of($code) . " $message");
    }

    private static function of(string $code): string
    {
        return self::PATH . "['" . explode('.', $code, 2)[0] . "']";
    }
}
