<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Call\CallOptions;
use Netresearch\NrVault\Outbound\Call\RequestBuilder;
use Netresearch\NrVault\Outbound\Cli\Console\Refusal;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;
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
        $identifiers = $this->identifiers();
        return "allowed: {$this->decision->method} {$this->decision->url}\n"
            . 'pattern: ' . ($this->decision->pathTemplate ?? 'everything below the base path') . "\n"
            . 'credentials: ' . ($identifiers === [] ? 'none' : implode(', ', $identifiers)) . "\n"
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
            'credentials' => $this->identifiers(),
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
     * @return list<string>
     */
    private function identifiers(): array
    {
        return array_column($this->service->credentials, 'identifier');
    }
}
