<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Doctor;

use Netresearch\NrSecureOutbound\Configuration\HostList;
use Netresearch\NrSecureOutbound\Configuration\HttpSettings;
use Netresearch\NrSecureOutbound\Configuration\Settings;
use Netresearch\NrSecureOutbound\Registry\RowReader;
use Netresearch\NrSecureOutbound\Registry\RowServiceRegistry;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\Remedies;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Policy\AddressRules;
use Netresearch\NrVault\Transport\Php\Policy\Host;
use TYPO3\CMS\Core\Core\Environment;

/**
 * The settings in config/system: the part of HTTP that has an effect on the library, and SYS/nrVault/outbound.
 *
 * @internal
 */
final readonly class SettingsCheck implements Check
{
    public function __construct(private RowServiceRegistry $rows)
    {
    }

    public function findings(): array
    {
        $http = new HttpSettings();
        try {
            $settings = Settings::fromGlobals();
        } catch (OutboundException $refusal) {
            return [...$http->findings, Finding::critical('settings.form', $refusal->reason(), self::edit('the key that is named'))];
        }
        return [
            ...$http->findings,
            Finding::ok('settings.form', "The settings in SYS/nrVault/outbound are taken."),
            ...$this->services($settings->services),
            ...self::ceiling($http->allowedHosts, $settings->allowedHosts),
            ...self::internalHosts($http->allowedHosts ?? [], $settings->internalHosts),
        ];
    }

    /**
     * @param list<string>|null $enabled
     * @return list<Finding>
     */
    private function services(?array $enabled): array
    {
        if ($enabled === null) {
            return [];
        }
        $known = $this->rows->ids();
        if (array_intersect($known, $enabled) === []) {
            return [Finding::warning(
                'settings.services',
                'No service may be called in this installation: "services" of SYS/nrVault/outbound names ' . ($enabled === [] ? 'none' : 'others'),
                self::edit('"services", once calls are to go out again'),
            )];
        }
        $unknown = array_diff($enabled, [...$known, RowReader::RESERVED]);
        $off = array_diff($known, $enabled);
        return [
            ...($off === [] ? [] : [Finding::ok('settings.services', 'Not to be called in this installation: ' . implode(', ', $off))]),
            ...($unknown === [] ? [] : [Finding::warning(
                'settings.services',
                '"services" of SYS/nrVault/outbound names what is no service: ' . implode(', ', $unknown),
                self::edit('"services"'),
            )]),
        ];
    }

    /**
     * @param list<string>|null $ofHttp
     * @param list<string>|null $own
     * @return list<Finding>
     */
    private static function ceiling(?array $ofHttp, ?array $own): array
    {
        return HostList::intersection($ofHttp, $own) !== [] ? [] : [Finding::critical(
            'settings.hosts',
            'No host may be called: allowed_hosts of HTTP and of SYS/nrVault/outbound have none in common',
            self::edit('"allowed_hosts"'),
        )];
    }

    /**
     * Hosts that HTTP allows and the guard of addresses refuses: an entry there does not allow private addresses.
     *
     * @param list<string> $allowed
     * @param list<mixed> $internal
     * @return list<Finding>
     */
    private static function internalHosts(array $allowed, array $internal): array
    {
        $known = array_map(static fn (mixed $entry): mixed => is_array($entry) ? $entry['host'] ?? null : null, $internal);
        $findings = [];
        foreach ($allowed as $entry) {
            try {
                [$host, $port] = Host::parseWithPort($entry);
            } catch (OutboundException) {
                // A wildcard, which no internal host is.
                continue;
            }
            if (self::isInternal($host) && !in_array($host->text, $known, true)) {
                $network = match ($host->address?->isV6()) {
                    null => '10.0.0.0/8',
                    true => $host->address->text() . '/128',
                    false => $host->text . '/32',
                };
                $findings[] = Finding::warning(
                    'http.allowed_hosts.internal',
                    "\$GLOBALS['TYPO3_CONF_VARS']['HTTP']['allowed_hosts'] has \"$entry\", which is inside: it is still refused",
                    "\$GLOBALS['TYPO3_CONF_VARS']['SYS']['nrVault']['outbound']['internal_hosts'][] = ['host' => '$host->text', "
                        . "'networks' => ['$network'], 'ports' => [" . ($port ?? 443) . ']];' . ($host->isName() ? '   // its own networks' : ''),
                );
            }
        }
        return $findings;
    }

    /** As far as it is known without a query to a name server. */
    private static function isInternal(Host $host): bool
    {
        return $host->address !== null
            ? AddressRules::classify($host->address) !== null
            : preg_match('/\A[^.]+\z|\.(internal|intranet|lan|local|localhost)\z/', $host->text) === 1;
    }

    private static function edit(string $note): string
    {
        return Remedies::edit(Environment::getConfigPath() . '/system/additional.php', $note);
    }
}
