<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\JsonObject;
use Netresearch\NrVault\Transport\Text\Names;
use Netresearch\NrVault\Transport\Text\Pairs;

/**
 * One request to a service. Only its form is checked here: the library joins, checks and encodes URLs.
 *
 * @property-read list<SealedCredential> $credentials
 *
 * @api
 */
final class RequestSpec
{
    private const IDEMPOTENT = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];

    /**
     * Not readonly, so that withCredentials() copies the object and does not make it anew, which takes ten times as long.
     *
     * @var list<SealedCredential>
     */
    private array $credentials = [];

    /**
     * @param string $serviceId 1 to 128 of A-Z a-z 0-9 . _ : -
     * @param string $method upper-case token
     * @param Policy|null $policy null is refused by the transport: policy.missing
     * @param string|null $baseUrl absolute, without userinfo, query or fragment
     * @param string $path appended to the base URL's; '' is the base path itself
     * @param list<array{string, string}> $query names and values, not yet encoded
     * @param string|null $url absolute, in place of path and query; without baseUrl the policy must name the hosts
     * @param list<array{string, string}> $headers names and values in order; a value is bytes
     * @param string $body raw bytes
     * @param int|null $timeoutMs deadline of the whole call in milliseconds, at least 1
     * @param string|null $correlationId like serviceId
     * @param string|null $idempotencyKey printable ASCII, up to 255
     * @param list<SealedCredential> $credentials
     * @param string|null $idempotencyHeader its name; null is Idempotency-Key
     * @param list<Alternative> $alternatives of the base URL, the first that fits the one credential counts
     * @param int|null $idleTimeoutMs milliseconds for which nothing may come while the call waits, at least 1
     * @param int|null $connectTimeoutMs milliseconds for making a connection, at least 1; the configuration's hold as well
     * @throws OutboundException invalid_request.malformed
     */
    public function __construct(
        public readonly string $serviceId,
        public readonly string $method,
        public readonly ?Policy $policy,
        public readonly ?string $baseUrl = null,
        #[\SensitiveParameter] public readonly string $path = '',
        #[\SensitiveParameter] public readonly array $query = [],
        #[\SensitiveParameter] public readonly ?string $url = null,
        #[\SensitiveParameter] public readonly array $headers = [],
        #[\SensitiveParameter] public readonly string $body = '',
        public readonly ?int $timeoutMs = null,
        public readonly ?string $correlationId = null,
        #[\SensitiveParameter] public readonly ?string $idempotencyKey = null,
        array $credentials = [],
        public readonly ?string $idempotencyHeader = null,
        public readonly array $alternatives = [],
        public readonly ?int $idleTimeoutMs = null,
        public readonly ?int $connectTimeoutMs = null,
    ) {
        if ($baseUrl === null && $url === null) {
            throw OutboundException::malformed('base_url or url is required');
        }
        if ($url !== null && ($path !== '' || $query !== [])) {
            throw OutboundException::malformed('url replaces path and query');
        }
        foreach (['query' => $query, 'headers' => $headers] as $key => $pairs) {
            if ($pairs !== [] && Pairs::read($pairs) === null) {
                throw OutboundException::malformed("$key must be a list of pairs of strings");
            }
        }
        $tooShort = match (true) {
            ($timeoutMs ?? 1) < 1 => 'timeout_ms',
            ($idleTimeoutMs ?? 1) < 1 => 'idle_timeout_ms',
            ($connectTimeoutMs ?? 1) < 1 => 'connect_timeout_ms',
            default => null,
        };
        if ($tooShort !== null) {
            throw OutboundException::malformed("$tooShort must be at least 1");
        }
        if ($credentials !== []) {
            self::checkCredentials($credentials);
            $this->credentials = $credentials;
        }
        if ($alternatives !== []) {
            self::checkAlternatives($alternatives);
        }
    }

    /**
     * Whether it may be processed twice: its method is idempotent (RFC 9110 section 9.2.2) or the server recognizes a repetition
     * by its idempotency key. TRACE is idempotent as well, but is refused before.
     *
     * @internal
     */
    public function isRepeatable(): bool
    {
        return $this->idempotencyKey !== null || in_array($this->method, self::IDEMPOTENT, true);
    }

    /**
     * The same request with these credentials in place of its own.
     *
     * @param list<SealedCredential> $credentials
     */
    public function withCredentials(array $credentials): self
    {
        self::checkCredentials($credentials);
        $copy = clone $this;
        $copy->credentials = $credentials;
        return $copy;
    }

    /** The same request with this body in place of its own. */
    public function withBody(#[\SensitiveParameter] string $body): self
    {
        return new self(
            $this->serviceId,
            $this->method,
            $this->policy,
            $this->baseUrl,
            $this->path,
            $this->query,
            $this->url,
            $this->headers,
            $body,
            $this->timeoutMs,
            $this->correlationId,
            $this->idempotencyKey,
            $this->credentials,
            $this->idempotencyHeader,
            $this->alternatives,
            $this->idleTimeoutMs,
            $this->connectTimeoutMs,
        );
    }

    /**
     * @return list<SealedCredential>
     */
    public function __get(string $name): array
    {
        return $name === 'credentials' ? $this->credentials : throw new \Error('a request has no property ' . $name);
    }

    public function __isset(string $name): bool
    {
        return $name === 'credentials';
    }

    /**
     * The declarations of its credentials.
     *
     * @return list<CredentialReference>
     */
    public function references(): array
    {
        return array_column($this->credentials, 'reference');
    }

    /**
     * The head of the request with these credentials, whose envelopes need not have been fetched yet.
     *
     * @param list<CredentialReference> $references
     * @return string JSON
     * @throws OutboundException invalid_request.malformed for text that is not UTF-8
     */
    public function headFor(array $references): string
    {
        return Wire::encode($this->ofService($references) + $this->own());
    }

    /**
     * The part of the head that is the same for all requests to a service.
     *
     * @param list<CredentialReference> $references
     * @return string JSON
     * @throws OutboundException invalid_request.malformed for text that is not UTF-8
     */
    public function serviceHead(array $references): string
    {
        return Wire::encode($this->ofService($references));
    }

    /**
     * The rest of the head, which differs between requests.
     *
     * @return string JSON
     * @throws OutboundException invalid_request.malformed for text that is not UTF-8
     */
    public function ownHead(): string
    {
        return Wire::encode($this->own());
    }

    /**
     * The envelopes: '' for no credential, the envelope for one, a JSON array of the envelopes for several.
     *
     * @throws OutboundException invalid_request.malformed for text that is not UTF-8
     */
    public function sealed(): string
    {
        $sealed = array_column($this->credentials, 'sealed');
        return count($sealed) > 1 ? Wire::encode($sealed) : ($sealed[0] ?? '');
    }

    /**
     * The parts that are given to the library or a daemon.
     *
     * @return array{head: string, body: string, sealed: string} head is JSON; sealed as sealed() has it
     * @throws OutboundException invalid_request.malformed for text that is not UTF-8
     */
    public function toWire(): array
    {
        return [
            'head' => $this->headFor($this->references()),
            'body' => $this->body,
            'sealed' => $this->sealed(),
        ];
    }

    /**
     * @param list<CredentialReference> $references
     * @return array<string, mixed>
     */
    private function ofService(array $references): array
    {
        $head = ['version' => Wire::VERSION, 'service_id' => $this->serviceId];
        if ($this->baseUrl !== null) {
            $head['base_url'] = $this->baseUrl;
        }
        if ($this->idempotencyHeader !== null) {
            $head['idempotency_header'] = $this->idempotencyHeader;
        }
        if ($this->policy !== null) {
            $head['policy'] = $this->policy->toWire();
        }
        foreach ($this->alternatives as $alternative) {
            $head['alternatives'][] = $alternative->toWire();
        }
        foreach ($references as $reference) {
            $head['credentials'][] = $reference->toWire();
        }
        return $head;
    }

    /**
     * @return array<string, mixed>
     */
    private function own(): array
    {
        $head = ['version' => Wire::VERSION, 'method' => $this->method, 'headers' => []];
        foreach ($this->headers as [$name, $value]) {
            $head['headers'][] = [Wire::bytesToText($name), Wire::bytesToText($value)];
        }
        if ($this->url !== null) {
            $head['url'] = $this->url;
        } else {
            $head['path'] = $this->path;
            $head['query'] = $this->query;
        }
        if ($this->correlationId !== null) {
            $head['correlation_id'] = $this->correlationId;
        }
        if ($this->timeoutMs !== null) {
            $head['timeout_ms'] = $this->timeoutMs;
        }
        if ($this->idleTimeoutMs !== null) {
            $head['idle_timeout_ms'] = $this->idleTimeoutMs;
        }
        if ($this->connectTimeoutMs !== null) {
            $head['connect_timeout_ms'] = $this->connectTimeoutMs;
        }
        if ($this->idempotencyKey !== null) {
            $head['idempotency_key'] = $this->idempotencyKey;
        }
        return $head;
    }

    /**
     * The reverse of toWire(). A key that is not one of its keys is refused.
     *
     * @throws OutboundException invalid_request.malformed, credential.malformed
     */
    public static function fromWire(
        #[\SensitiveParameter] string $head,
        #[\SensitiveParameter] string $body = '',
        #[\SensitiveParameter] string $sealed = '',
    ): self {
        $wire = Wire::decode($head);
        if ($wire === null || ($wire['version'] ?? null) !== Wire::VERSION) {
            throw OutboundException::malformed('the request head is not a document of version 1');
        }
        $keys = ['version', 'service_id', 'correlation_id', 'method', 'base_url', 'path', 'query', 'url', 'headers',
            'timeout_ms', 'idle_timeout_ms', 'connect_timeout_ms', 'idempotency_key', 'idempotency_header', 'credentials', 'policy',
            'alternatives'];
        $unknown = Names::unknown('the request head', $wire, $keys);
        if ($unknown !== null) {
            throw OutboundException::malformed($unknown);
        }
        $document = new JsonObject($wire);
        [$policy, $entries, $others] = [$wire['policy'] ?? null, $wire['credentials'] ?? [], $wire['alternatives'] ?? []];
        try {
            return new self(
                $document->stringOrNull('service_id') ?? '',
                $document->stringOrNull('method') ?? '',
                match (true) {
                    $policy === null => null,
                    is_array($policy) => Policy::fromWire($policy),
                    default => throw $document->unexpected('policy'),
                },
                $document->stringOrNull('base_url'),
                $document->stringOrNull('path') ?? '',
                $document->pairs('query'),
                $document->stringOrNull('url'),
                Wire::headersFromWire($wire['headers'] ?? []) ?? throw $document->unexpected('headers'),
                $body,
                $document->intOrNull('timeout_ms'),
                $document->stringOrNull('correlation_id'),
                $document->stringOrNull('idempotency_key'),
                self::credentialsFromWire(is_array($entries) ? $entries : throw $document->unexpected('credentials'), $sealed),
                $document->stringOrNull('idempotency_header'),
                self::alternativesFromWire(is_array($others) ? $others : throw $document->unexpected('alternatives')),
                $document->intOrNull('idle_timeout_ms'),
                $document->intOrNull('connect_timeout_ms'),
            );
        } catch (\UnexpectedValueException $flaw) {
            throw OutboundException::malformed($flaw->getMessage() . ' of the request head has the wrong type');
        }
    }

    /**
     * @param array<mixed> $alternatives
     */
    private static function checkAlternatives(array $alternatives): void
    {
        foreach ($alternatives as $alternative) {
            if (!$alternative instanceof Alternative) {
                throw OutboundException::malformed('an alternative is not an Alternative');
            }
        }
        if (!array_is_list($alternatives)) {
            throw OutboundException::malformed('the alternatives are not a list');
        }
    }

    /**
     * @param array<mixed> $entries
     * @return list<Alternative>
     */
    private static function alternativesFromWire(array $entries): array
    {
        if (!array_is_list($entries)) {
            throw OutboundException::malformed('the alternatives are not a list');
        }
        return array_map(Alternative::fromWire(...), $entries);
    }

    /**
     * @param array<mixed> $credentials
     */
    private static function checkCredentials(#[\SensitiveParameter] array $credentials): void
    {
        foreach ($credentials as $credential) {
            if (!$credential instanceof SealedCredential) {
                throw OutboundException::malformed('a credential is not a SealedCredential');
            }
        }
        if (!array_is_list($credentials)) {
            throw OutboundException::malformed('the credentials are not a list');
        }
    }

    /**
     * @param array<mixed> $entries
     * @return list<SealedCredential>
     */
    private static function credentialsFromWire(array $entries, #[\SensitiveParameter] string $sealed): array
    {
        $envelopes = match (count($entries)) {
            0 => [],
            1 => [$sealed],
            default => Wire::decode($sealed),
        };
        if (!is_array($envelopes) || count($envelopes) !== count($entries) || !array_is_list($envelopes)) {
            throw OutboundException::malformed('the number of envelopes is not that of the credentials');
        }
        $credentials = [];
        foreach (array_values($entries) as $index => $entry) {
            $envelope = $envelopes[$index];
            if (!is_array($entry) || !is_string($envelope)) {
                throw OutboundException::malformed('a credential is no object, or its envelope no text');
            }
            $credentials[] = CredentialReference::fromWire($entry)->seal($envelope);
        }
        return $credentials;
    }
}
