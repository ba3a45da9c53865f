<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound;

use Netresearch\NrVault\Outbound\Audit\CallContext;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Transport\Functions;
use Psr\EventDispatcher\EventDispatcherInterface;
use Psr\Log\LoggerInterface;

/**
 * A client from a directory that has transport.json, services.json and vault/, as docs/php-api.md describes them:
 *
 *     $client = SecureOutbound::fromDirectory('/etc/secure-outbound');
 *
 * A host that stores its registry, its envelopes or its records elsewhere creates ServiceCalls itself.
 *
 * @api
 */
final class SecureOutbound
{
    public const AUDIT_LOG = '/var/log/secure-outbound/audit.jsonl';

    public const REGISTRY_CACHE = '/var/cache/secure-outbound';

    /**
     * @param string $directory absolute
     * @param string $auditLog absolute; PHP may make files in its directory
     * @param CallContext|null $context who calls
     * @param LoggerInterface|null $logger null: PHP's error log
     * @param string|null $registryCache directory of PHP's user, in which nobody else can write, for the compiled registry; if
     *        others can write to it, or it does not exist, the registry is read each time
     * @throws OutboundException configuration.invalid, which names the missing file and what it must contain;
     *         configuration.transport_unavailable
     */
    public static function fromDirectory(
        string $directory,
        string $auditLog = self::AUDIT_LOG,
        ?CallContext $context = null,
        ?EventDispatcherInterface $events = null,
        ?LoggerInterface $logger = null,
        ?string $registryCache = self::REGISTRY_CACHE,
    ): SecureHttpClient {
        return new SecureHttpClient(
            self::callsFromDirectory($directory, $auditLog, $context, $events, $logger, $registryCache),
        );
    }

    /**
     * The same for Psr18\OutboundClientFactory and other clients.
     *
     * @throws OutboundException as fromDirectory()
     */
    public static function callsFromDirectory(
        string $directory,
        string $auditLog = self::AUDIT_LOG,
        ?CallContext $context = null,
        ?EventDispatcherInterface $events = null,
        ?LoggerInterface $logger = null,
        ?string $registryCache = self::REGISTRY_CACHE,
    ): ServiceCalls {
        Functions::demand();
        $host = new HostDirectory($directory, $auditLog);
        $transports = new TransportFactory($host->configuration(), null, $logger);
        return new ServiceCalls(
            $host->registry($registryCache),
            $host->credentials(),
            $transports,
            $host->audit(),
            $context,
            $events,
            $logger,
        );
    }
}
