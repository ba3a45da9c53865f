<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Configuration;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The configuration document of the transports: nr-vault's master key, TYPO3's HTTP settings, and the settings of the
 * installation, which override both.
 *
 * @internal
 */
final readonly class TransportConfiguration
{
    public function __construct(private MasterKey $masterKey)
    {
    }

    /**
     * @return array<string, mixed>
     * @throws OutboundException configuration.invalid, credential.key_unavailable
     */
    public function document(): array
    {
        $settings = Settings::fromGlobals();
        $http = new HttpSettings();
        $hosts = HostList::intersection($http->allowedHosts, $settings->allowedHosts);
        return array_filter([
            'master_keys' => [$this->masterKey->entry()],
            'internal_hosts' => $settings->internalHosts,
            'proxy' => $settings->proxy,
            'limits' => ($hosts === null ? [] : ['hosts' => $hosts])
                + ($settings->requireBinding ? ['require_binding' => true] : []),
            'php_transport' => $settings->phpTransport ? null : false,
        ], static fn (mixed $part): bool => $part !== null && $part !== []) + $http->document;
    }
}
