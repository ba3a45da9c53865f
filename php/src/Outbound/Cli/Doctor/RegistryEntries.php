<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

use Netresearch\NrVault\Outbound\Cli\Console\Refusal;
use Netresearch\NrVault\Outbound\Credential\DirectoryCredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\JsonFileServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\PhpTransport;
use Netresearch\NrVault\Transport\Php\Policy\Destination;
use Netresearch\NrVault\Transport\Php\Policy\Origin;
use Netresearch\NrVault\Transport\Php\Policy\PathPattern;
use Netresearch\NrVault\Transport\Php\Policy\PolicyDecision;
use Netresearch\NrVault\Transport\RequestSpec;
use Netresearch\NrVault\Transport\Rust\RustFfiTransport;
use Netresearch\NrVault\Transport\TransportInterface;

/**
 * Checks the entries of a registry: their form, whether the transport accepts base URL and policy, and whether each credential
 * has an envelope. Nothing is opened or sent.
 *
 * @internal
 */
final class RegistryEntries
{
    /**
     * Codes that are not about the entry: the policy need not allow the base path itself, and the configuration has findings of
     * its own.
     */
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
        Remedies $remedies,
    ): array {
        $registry = new JsonFileServiceRegistry($file);
        $findings = [];
        foreach ($registry->problems() as $problem) {
            $findings[] = $problem->entry === ''
                ? Finding::critical('registry.file', $problem->message, Remedies::edit($file, 'its form: ' . self::schema()))
                : Finding::critical(
                    'registry.entry',
                    rtrim('Service "' . $problem->entry . '" is disabled: ' . $problem->field) . ' ' . $problem->message,
                    Remedies::edit($file, 'the form of an entry: ' . self::schema()),
                );
        }
        $provider = $credentials === null ? null : new DirectoryCredentialProvider($credentials);
        $services = self::services(
            $registry,
            $config,
            $library,
            static fn (ServiceDefinition $service, string $note): string => Remedies::edit($file, $note),
            static fn (ServiceDefinition $service): array => [
                ...self::technicalUser($service, $provider, $file),
                ...self::credentials($service, $provider, (string) $credentials, $remedies),
            ],
        );
        $count = 'Services in the registry: ' . count($registry->ids()) . '.';
        return [Finding::ok('registry.services', $count), ...$findings, ...$services];
    }

    /**
     * The findings about each service of a registry, wherever the registry is stored.
     *
     * @param array<string, mixed> $config of the transport
     * @param \Closure(ServiceDefinition, string): string $remedy how to change the entry, with a note
     * @param \Closure(ServiceDefinition): list<Finding> $credentials what is wrong with its credentials
     * @return list<Finding>
     */
    public static function services(
        ServiceRegistry $registry,
        #[\SensitiveParameter] array $config,
        ?string $library,
        \Closure $remedy,
        \Closure $credentials,
    ): array {
        $transport = self::transport($config, $library);
        $hasPhp = ($config['php_transport'] ?? true) !== false;
        $findings = [];
        foreach ($registry->ids() as $id) {
            try {
                $service = $registry->get($id);
            } catch (OutboundException) {
                continue;
            }
            if (SidecarDaemon::has($service, SidecarDaemon::socketOf($config) !== null)) {
                // The sidecar has base URL, policy and credentials.
                $findings[] = Finding::ok('registry.service', 'Service "' . $service->id . '" is the sidecar\'s.');
                continue;
            }
            $edit = static fn (string $note): string => $remedy($service, $note);
            if (!$hasPhp && $service->transport === ServiceDefinition::TRANSPORT_PHP) {
                $findings[] = self::refused($edit, $service, PhpTransport::forbidden());
                continue;
            }
            array_push($findings, ...self::service($edit, $service, $transport, $credentials($service)));
        }
        return $findings;
    }

    /**
     * The transport that "auto" selects on this machine; if there is none, its decisions throw. TransportFactory is not used,
     * because it would log what the finding php.transport reports here.
     *
     * @param array<string, mixed> $config
     */
    private static function transport(#[\SensitiveParameter] array $config, ?string $library): TransportInterface
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
     * @param \Closure(string): string $edit
     * @param list<Finding> $findings that exist for it already
     * @return list<Finding>
     */
    private static function service(
        \Closure $edit,
        ServiceDefinition $service,
        TransportInterface $transport,
        array $findings,
    ): array {
        $extent = 'is in order';
        $request = new RequestSpec(
            $service->id,
            $service->policy->allowedMethods[0] ?? 'GET',
            $service->policy,
            $service->baseUrl,
            headers: $service->headers,
            idempotencyKey: $service->idempotencyHeader === null ? null : 'doctor',
            idempotencyHeader: $service->idempotencyHeader,
            alternatives: $service->alternatives,
        );
        try {
            $transport->decide($request, $service->credentials);
        } catch (OutboundException $refusal) {
            if ($refusal->errorClass() !== 'policy') {
                $extent = 'has the form of one; without library and configuration no more can be said';
            }
            if (!in_array($refusal->errorCode(), self::OF_THE_CALL, true)) {
                $findings[] = self::refused($edit, $service, $refusal);
            }
        }
        array_push($findings, ...self::plainHttp($edit, $service, $request), ...self::paths($edit, $service));
        return $findings === []
            ? [Finding::ok('registry.service', 'Service "' . $service->id . '" ' . $extent . '.')]
            : $findings;
    }

    /**
     * A directory of envelopes has no users that a registry could name: only a provider that knows users can read as one of them.
     *
     * @return list<Finding>
     */
    private static function technicalUser(
        ServiceDefinition $service,
        ?DirectoryCredentialProvider $provider,
        string $file,
    ): array {
        if ($provider === null || $service->technicalUser === null || $service->credentials === []) {
            return [];
        }
        return [Finding::critical(
            'registry.technical_user',
            'Service "' . $service->id . '" names a technical user, and a directory of envelopes knows no users: each call ends as '
                . 'credential.access_denied.',
            Remedies::edit($file, 'take technical_user out of the service'),
        )];
    }

    /**
     * @return list<Finding>
     */
    private static function credentials(
        ServiceDefinition $service,
        ?DirectoryCredentialProvider $provider,
        string $directory,
        Remedies $remedies,
    ): array {
        if ($provider === null) {
            return [];
        }
        $findings = [];
        foreach ($service->credentials as $reference) {
            try {
                $provider->fetch($reference);
            } catch (OutboundException $failure) {
                $message = 'Service "' . $service->id . '": ' . $failure->getMessage();
                $findings[] = Finding::critical('registry.credential', $message, match ($failure->errorCode()) {
                    'credential.not_found', 'credential.malformed' => $remedies->seal($reference->identifier, $directory),
                    default => 'ls -ld ' . escapeshellarg($directory) . '   # ' . Refusal::remedyOf($failure),
                });
            }
        }
        return $findings;
    }

    /**
     * A binding is sealed, so only the first call shows whether its hosts allow plain HTTP.
     *
     * @param \Closure(string): string $edit
     * @return list<Finding>
     */
    private static function plainHttp(\Closure $edit, ServiceDefinition $service, RequestSpec $request): array
    {
        $origin = PolicyDecision::origin($request);
        if ($service->credentials === [] || $origin?->scheme !== Origin::HTTP) {
            return [];
        }
        $identifiers = implode('", "', array_column($service->credentials, 'identifier'));
        return [Finding::warning(
            'registry.plain_http',
            'Service "' . $service->id . '" is called over plain HTTP, where who listens reads "' . $identifiers . '". A binding that '
                . 'allows it has "' . $origin->sealedText() . '" among its hosts.',
            $edit('https in base_url; or seal the credential with that host, where its binding has hosts'),
        )];
    }

    /**
     * Patterns that match no request: every request is below the base path, and these patterns are not.
     *
     * @param \Closure(string): string $edit
     * @return list<Finding>
     */
    private static function paths(\Closure $edit, ServiceDefinition $service): array
    {
        $patterns = $service->policy->allowedPaths ?? [];
        try {
            $ofS3 = CredentialReference::haveS3($service->credentials);
            $destination = Destination::read($service->baseUrl, null, ofS3: $ofS3);
            $base = (string) $destination->canonical($service->policy->allowEncodedSlash)[1];
            $isIdle = static fn (string $pattern): bool => !PathPattern::parse($pattern, $ofS3)->reachesBelow($base);
            $idle = array_values(array_filter($patterns, $isIdle));
        } catch (OutboundException) {
            // Another finding reports it.
            return [];
        }
        if ($idle === []) {
            return [];
        }
        $fixed = array_map(
            static fn (string $pattern): string => $isIdle($pattern) ? rtrim($base, '/') . $pattern : $pattern,
            $patterns,
        );
        $message = 'Service "' . $service->id . '": no request fulfils ' . implode(', ', $idle) . ', for all of them lie below the '
            . 'base path ' . $base . '. Below it they are "allowed_paths": '
            . json_encode($fixed, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
        $remedy = $edit('allowed_paths of the service, as above');
        return [count($idle) === count($patterns)
            ? Finding::critical('registry.path', $message, $remedy)
            : Finding::warning('registry.path', $message, $remedy)];
    }

    private static function schema(): string
    {
        return Installation::directory() . '/schema/services.schema.json';
    }

    /**
     * @param \Closure(string): string $edit
     */
    private static function refused(\Closure $edit, ServiceDefinition $service, OutboundException $refusal): Finding
    {
        return Finding::critical(
            'registry.unusable',
            'Service "' . $service->id . '": ' . $refusal->getMessage(),
            $edit(Refusal::remedyOf($refusal)),
        );
    }
}
