<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Authorize;

use Netresearch\NrVault\Outbound\Audit\AuditSink;
use Netresearch\NrVault\Outbound\Audit\StaticCallContext;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Credential\CredentialProvider;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Outbound\TransportFactory;
use Netresearch\NrVault\Service\SecureHttpClient;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Credential\FormPairs;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use Netresearch\NrVault\Transport\Php\Policy\Origin;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Sends forms to the endpoints of an authorization server, as a client that says who it is. The library sends them, so that the rules of
 * every call hold: addresses, TLS, limits, a record.
 *
 * @internal
 */
final readonly class Endpoint
{
    /** The service's name in records. */
    private const SERVICE = 'secure-outbound-authorize';

    /**
     * @param list<CredentialReference> $references what shows who the client is, but for what is in the form
     * @param list<array{string, Secret}> $client the same in the form
     */
    public function __construct(
        private TransportFactory $transports,
        private CredentialProvider $credentials,
        private AuditSink $audit,
        private array $references,
        private array $client,
    ) {
    }

    /**
     * @param list<array{string, Secret}> $fields
     * @throws OutboundException
     */
    public function post(string $url, #[\SensitiveParameter] array $fields): EndpointAnswer
    {
        $target = Canonicalizer::fromUrl($url, 'the URL of the endpoint');
        $form = FormPairs::append('', [...$fields, ...$this->client]);
        $parts = explode('?', $url, 2);
        $entry = [
            'base_url' => $parts[0],
            'transport' => ServiceDefinition::TRANSPORT_RUST,
            'policy' => ['allowed_methods' => ['POST'], 'allow_http' => $target->origin->scheme === Origin::HTTP],
            'credentials' => array_map(static fn (CredentialReference $reference): array => $reference->toWire(), $this->references),
        ];
        $client = new SecureHttpClient(new ServiceCalls(
            new ArrayServiceRegistry([self::SERVICE => $entry]),
            $this->credentials,
            $this->transports,
            $this->audit,
            new StaticCallContext('cli', get_current_user()),
        ));
        $response = $client->request(self::SERVICE, 'POST', '', [
            'query' => self::query($parts[1] ?? ''),
            'headers' => [['content-type', 'application/x-www-form-urlencoded'], ['accept', 'application/json']],
            'body' => $form->expose(),
        ]);
        $form->wipe();
        $status = $response->statusCode();
        $body = new Secret($response->body());
        // Nobody else has the text now, so it can be wiped.
        unset($response, $client);
        return EndpointAnswer::read($status, $body);
    }

    /**
     * @return list<array{string, string}>
     */
    private static function query(string $query): array
    {
        $pairs = [];
        foreach ($query === '' ? [] : explode('&', $query) as $pair) {
            $parts = explode('=', $pair, 2);
            $pairs[] = [rawurldecode($parts[0]), rawurldecode($parts[1] ?? '')];
        }
        return $pairs;
    }
}
