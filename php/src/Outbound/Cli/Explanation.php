<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Call\CallOptions;
use Netresearch\NrVault\Outbound\Call\RequestBuilder;
use Netresearch\NrVault\Outbound\Cli\Console\Refusal;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Decision;
use Netresearch\NrVault\Transport\Text\Uuid7;
use Netresearch\NrVault\Transport\TransportSelector;

/**
 * What the policy of a service decides about a call. Nothing is opened, resolved or sent.
 *
 * @internal
 */
final readonly class Explanation
{
    /** What is always signed for AWS, each of it where the request has it. */
    private const OF_AWS = ['method', 'path', 'query', 'time', 'host', 'content-type', 'content-md5', 'x-amz-*'];

    /** The seal says whether S3's is signed. */
    private const BODY_OF_S3 = 'body unless unsigned_payload is sealed';

    private const SEALED = 'what the template says that is sealed';

    private function __construct(private ServiceDefinition $service, public Decision $decision)
    {
    }

    /**
     * @param list<array{string, string}> $query
     * @param list<array{string, string}> $headers
     * @throws OutboundException if the call would be refused
     */
    public static function of(
        ServiceRegistry $registry,
        TransportSelector $transports,
        string $service,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $query = [],
        #[\SensitiveParameter] array $headers = [],
    ): self {
        $definition = $registry->get($service);
        $options = CallOptions::read(['query' => $query, 'headers' => $headers]);
        $request = RequestBuilder::build($definition, $method, $path, null, $options, Uuid7::generate(), null);
        return new self($definition, $transports->select($definition->transport)->decide($request, $definition->credentials));
    }

    /** Lines for a person. */
    public function text(): string
    {
        $credentials = array_map(
            static fn (CredentialReference $credential): string => "$credential->identifier ($credential->type)",
            $this->service->credentials,
        );
        $signed = $this->signed();
        $signed = is_array($signed) ? implode(', ', $signed) : $signed;
        return "allowed: {$this->decision->method} {$this->decision->url}\n"
            . 'pattern: ' . ($this->decision->pathTemplate ?? 'everything below the base path') . "\n"
            . ($this->decision->httpVersions === null ? '' : "HTTP: {$this->versions($this->decision->httpVersions)}\n")
            . 'credentials: ' . ($credentials === [] ? 'none' : implode(', ', $credentials)) . "\n"
            . ($signed === null ? '' : "signed: $signed\n")
            . ($this->certificate() === null ? '' : 'client certificate: ' . $this->certificate() . "\n")
            . ($this->service->policy->breaker === null ? '' : "circuit: not known here; each worker has its own\n");
    }

    /**
     * The same for a program.
     *
     * @return array<string, mixed>
     */
    public function toArray(): array
    {
        return [
            'version' => 1,
            'allowed' => true,
            'method' => $this->decision->method,
            'url' => $this->decision->url,
            'path_template' => $this->decision->pathTemplate,
            'http_versions' => $this->decision->httpVersions,
            'credentials' => array_column($this->service->credentials, 'identifier'),
            'types' => array_column($this->service->credentials, 'type'),
            'signed' => $this->signed(),
            'client_certificate' => $this->certificate(),
        ];
    }

    /**
     * The output for a program if the call would be refused.
     *
     * @return array<string, mixed>
     */
    public static function ofRefusal(OutboundException $refusal): array
    {
        return ['version' => 1, 'allowed' => false, 'refusal' => Refusal::toArray($refusal)];
    }

    /**
     * @param list<string> $versions
     */
    private function versions(array $versions): string
    {
        $http3 = match (true) {
            $this->service->policy->http3 === null => '',
            !in_array('3', $versions, true) => ' (3 is asked for, and not spoken here)',
            $this->service->policy->http3 === 'alt-svc' => ' (3 once the API says that it has it)',
            default => '',
        };
        return implode(', ', $versions) . $http3;
    }

    /** The credential that shows a client certificate; what an OAuth client shows is under its seal. */
    private function certificate(): ?string
    {
        foreach ($this->service->credentials as $credential) {
            if ($credential->type === CredentialReference::MTLS) {
                return $credential->identifier;
            }
        }
        return null;
    }

    /**
     * The parts of a request that are signed, as far as that is known without opening anything.
     *
     * @return list<string>|string|null null if nothing signs
     */
    private function signed(): array|string|null
    {
        foreach ($this->service->credentials as $credential) {
            if ($credential->type === CredentialReference::HMAC) {
                return self::SEALED;
            }
            if ($credential->type === CredentialReference::AWS_SIGV4) {
                $isS3 = $credential->service === CredentialReference::S3;
                return [...self::OF_AWS, $isS3 ? self::BODY_OF_S3 : 'body'];
            }
        }
        return null;
    }
}
