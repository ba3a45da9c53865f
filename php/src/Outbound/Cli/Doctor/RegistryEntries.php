<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Outbound\Cli\Refusal;
use Netresearch\NrVault\Outbound\Credential\DirectoryCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Transport\DecidingTransport;
use Netresearch\NrVault\Transport\Php\Policy\Destination;
use Netresearch\NrVault\Transport\Php\Policy\Origin;
use Netresearch\NrVault\Transport\Php\Policy\PathPattern;
use Netresearch\NrVault\Transport\Php\Policy\PolicyDecision;
use Netresearch\NrVault\Transport\PhpTransport;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\RustFfiTransport;

/**
 * The entries of a registry: their form, whether base URL and policy are taken, and whether each credential has
 * an envelope. Nothing is opened or sent.
 *
 * @internal
 */
final class RegistryEntries
{
    /** The base path itself need not be one that the policy allows, and the configuration has findings of its own. */
    private const OF_THE_CALL = [
        'policy.path_not_allowed',
        'configuration.invalid',
        'configuration.transport_unavailable',
        'credential.key_unavailable',
    ];

    /**
     * @param array<string, mixed> $config of the transport
     * @return list<Finding>
     */
    public static function examine(
        string $file,
        ?string $credentials,
        #[\SensitiveParameter] array $config,
        ?string $library,
    ): array {
        $registry = new JsonFileServiceRegistry($file);
        $findings = [];
        foreach ($registry->problems() as $problem) {
            $findings[] = $problem->entry === ''
                ? Finding::critical('registry.file', $problem->message, 'Correct ' . $file . '.')
                : Finding::critical(
                    'registry.entry',
                    rtrim('Service "' . $problem->entry . '" is disabled: ' . $problem->field) . ' ' . $problem->message,
                    'Correct the entry in ' . $file . '; schema/services.schema.json has its form.',
                );
        }
        $transport = self::transport($config, $library);
        $hasPhp = ($config['php_transport'] ?? true) !== false;
        $provider = $credentials === null ? null : new DirectoryCredentialProvider($credentials);
        foreach ($registry->ids() as $id) {
            try {
                $service = $registry->get($id);
            } catch (OutboundException) {
                continue;
            }
            if (!$hasPhp && $service->transport === ServiceDefinition::TRANSPORT_PHP) {
                $findings[] = self::refused('registry.unusable', $service, PhpTransport::forbidden());
                continue;
            }
            array_push($findings, ...self::service($service, $transport, $provider));
        }
        $count = 'Services in the registry: ' . count($registry->ids()) . '.';
        return [Finding::ok('registry.services', $count), ...$findings];
    }

    /**
     * The transport that auto stands for on this machine; where there is none, its decisions say so. Not by the factory,
     * which announces what php.transport says here.
     *
     * @param array<string, mixed> $config
     */
    private static function transport(#[\SensitiveParameter] array $config, ?string $library): DecidingTransport
    {
        $rust = new RustFfiTransport($config, $library);
        try {
            if ($rust->bind() === null || ($config['php_transport'] ?? true) === false) {
                return $rust;
            }
            $php = new PhpTransport($config);
            $php->open();
            return $php;
        } catch (OutboundException) {
            return $rust;
        }
    }

    /**
     * @return list<Finding>
     */
    private static function service(
        ServiceDefinition $service,
        DecidingTransport $transport,
        ?DirectoryCredentialProvider $provider,
    ): array {
        $findings = [];
        $extent = 'is in order';
        $request = new RequestSpec(
            $service->id,
            $service->policy->allowedMethods[0] ?? 'GET',
            $service->policy,
            $service->baseUrl,
            headers: $service->headers,
            idempotencyKey: $service->idempotencyHeader === null ? null : 'doctor',
            idempotencyHeader: $service->idempotencyHeader,
        );
        try {
            $transport->decide($request, $service->credentials);
        } catch (OutboundException $refusal) {
            if ($refusal->errorClass() !== 'policy') {
                $extent = 'has the form of one; without library and configuration no more can be said';
            }
            if (!in_array($refusal->errorCode(), self::OF_THE_CALL, true)) {
                $findings[] = self::refused('registry.unusable', $service, $refusal);
            }
        }
        foreach ($provider === null ? [] : $service->credentials as $reference) {
            try {
                $provider->fetch($reference);
            } catch (OutboundException $failure) {
                $findings[] = self::refused('registry.credential', $service, $failure);
            }
        }
        array_push($findings, ...self::plainHttp($service, $request), ...self::paths($service));
        return $findings === []
            ? [Finding::ok('registry.service', 'Service "' . $service->id . '" ' . $extent . '.')]
            : $findings;
    }

    /**
     * A binding is sealed, so whether its hosts allow plain HTTP shows with the first call only.
     *
     * @return list<Finding>
     */
    private static function plainHttp(ServiceDefinition $service, RequestSpec $request): array
    {
        $origin = PolicyDecision::origin($request);
        if ($service->credentials === [] || $origin?->scheme !== Origin::HTTP) {
            return [];
        }
        $identifiers = implode('", "', array_column($service->credentials, 'identifier'));
        return [Finding::warning(
            'registry.plain_http',
            'Service "' . $service->id . '" is called over plain HTTP, where who listens reads "' . $identifiers . '".',
            'Call it over https; or, where the credential is bound to hosts, seal it with "' . $origin->sealedText()
                . '" among them.',
        )];
    }

    /**
     * Patterns that no request can fulfil: it lies below the base path, and they do not.
     *
     * @return list<Finding>
     */
    private static function paths(ServiceDefinition $service): array
    {
        $patterns = $service->policy->allowedPaths ?? [];
        try {
            $destination = Destination::read($service->baseUrl, null);
            $base = (string) $destination->canonical($service->policy->allowEncodedSlash)[1];
            $isIdle = static fn (string $pattern): bool => !PathPattern::parse($pattern)->reachesBelow($base);
            $idle = array_values(array_filter($patterns, $isIdle));
        } catch (OutboundException) {
            // A finding of its own says so.
            return [];
        }
        if ($idle === []) {
            return [];
        }
        $mended = array_map(
            static fn (string $pattern): string => $isIdle($pattern) ? rtrim($base, '/') . $pattern : $pattern,
            $patterns,
        );
        $message = 'Service "' . $service->id . '": no request fulfils ' . implode(', ', $idle) . ', for all of them lie below the '
            . 'base path ' . $base . '.';
        $remedy = '"allowed_paths": ' . json_encode($mended, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
        return [count($idle) === count($patterns)
            ? Finding::critical('registry.path', $message, $remedy)
            : Finding::warning('registry.path', $message, $remedy)];
    }

    private static function refused(string $code, ServiceDefinition $service, OutboundException $refusal): Finding
    {
        return Finding::critical(
            $code,
            'Service "' . $service->id . '": ' . $refusal->getMessage(),
            ucfirst(Refusal::remedyOf($refusal)) . '.',
        );
    }
}
