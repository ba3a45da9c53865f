<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Configuration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * $GLOBALS['TYPO3_CONF_VARS']['SYS']['nrVault']['outbound']: settings that must not be editable in a browser, so that they are in
 * config/system/additional.php only.
 *
 * @internal
 */
final readonly class Settings
{
    /** Key => what it has to be, in words. */
    private const KEYS = [
        'internal_hosts' => 'a list of ["host", "networks", "ports"]',
        'proxy' => 'a text or ["url", "no_proxy", "resolve"]',
        'php_transport' => 'true or false',
        'require_binding' => 'true or false',
        'allowed_hosts' => 'a list of "host" or "host:port"',
        'services' => 'a list of ids',
        'drop_in' => '"off", "refuse" or "origin"',
    ];

    /** nr-vault's own HTTP client makes its calls. */
    public const DROP_IN_OFF = 'off';

    /** The library makes the calls of nr-vault's client, and refuses those without a stored service. */
    public const DROP_IN_REFUSE = 'refuse';

    /** The library makes the calls of nr-vault's client; one without a stored service may go to the origin of its URL only. */
    public const DROP_IN_ORIGIN = 'origin';

    /**
     * @param list<mixed> $internalHosts as in the configuration document, which checks them
     * @param array<mixed>|null $proxy likewise; null if none is set
     * @param list<string>|null $allowedHosts null: no limit
     * @param list<string>|null $services ids that may be called in this installation; null: all
     * @param string $dropIn one of the constants
     */
    private function __construct(
        public array $internalHosts,
        public ?array $proxy,
        public bool $phpTransport,
        public bool $requireBinding,
        public ?array $allowedHosts,
        public ?array $services,
        public string $dropIn,
    ) {
    }

    /**
     * @throws OutboundException configuration.invalid: a misspelt limit must not count as no limit
     */
    public static function fromGlobals(): self
    {
        $settings = ConfVars::at('SYS', 'nrVault', 'outbound') ?? [];
        if (!is_array($settings)) {
            throw self::invalid('', 'is not an array');
        }
        foreach (array_keys(array_diff_key($settings, self::KEYS)) as $key) {
            throw self::invalid('', "has the unknown key \"$key\"; it may have: " . implode(', ', array_keys(self::KEYS)));
        }
        return new self(
            self::list($settings, 'internal_hosts') ?? [],
            self::proxy($settings['proxy'] ?? null),
            self::switch($settings, 'php_transport', true),
            self::switch($settings, 'require_binding', false),
            self::hosts($settings),
            self::texts($settings, 'services'),
            self::dropIn($settings['drop_in'] ?? self::DROP_IN_OFF),
        );
    }

    /**
     * @return array<mixed>|null
     */
    private static function proxy(mixed $proxy): ?array
    {
        return match (true) {
            $proxy === null => null,
            is_string($proxy) => ['url' => $proxy],
            is_array($proxy) && $proxy !== [] => $proxy,
            default => throw self::expected('proxy'),
        };
    }

    private static function dropIn(mixed $value): string
    {
        $known = [self::DROP_IN_OFF, self::DROP_IN_REFUSE, self::DROP_IN_ORIGIN];
        return in_array($value, $known, true) ? $value : throw self::expected('drop_in');
    }

    /**
     * @param array<mixed> $settings
     */
    private static function switch(array $settings, string $key, bool $default): bool
    {
        $value = $settings[$key] ?? $default;
        return is_bool($value) ? $value : throw self::expected($key);
    }

    /**
     * @param array<mixed> $settings
     * @return list<mixed>|null
     */
    private static function list(array $settings, string $key): ?array
    {
        $value = $settings[$key] ?? null;
        if ($value !== null && (!is_array($value) || !array_is_list($value))) {
            throw self::expected($key);
        }
        return $value;
    }

    /**
     * @param array<mixed> $settings
     * @return list<string>|null
     */
    private static function texts(array $settings, string $key): ?array
    {
        $texts = [];
        foreach (self::list($settings, $key) ?? [] as $text) {
            $texts[] = is_string($text) ? $text : throw self::expected($key);
        }
        return isset($settings[$key]) ? $texts : null;
    }

    /**
     * @param array<mixed> $settings
     * @return list<string>|null
     */
    private static function hosts(array $settings): ?array
    {
        $hosts = self::texts($settings, 'allowed_hosts');
        foreach ($hosts ?? [] as $place => $host) {
            if (!HostList::isEntry($host)) {
                throw self::invalid("['allowed_hosts'][$place]", 'is neither "host" nor "host:port"');
            }
        }
        return $hosts;
    }

    private static function expected(string $key): OutboundException
    {
        return self::invalid("['$key']", 'is not ' . self::KEYS[$key]);
    }

    private static function invalid(string $where, string $what): OutboundException
    {
        return OutboundException::create(
            'configuration.invalid',
            "\$GLOBALS['TYPO3_CONF_VARS']['SYS']['nrVault']['outbound']$where $what",
        );
    }
}
