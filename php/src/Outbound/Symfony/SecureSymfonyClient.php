<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Call\ServiceMatch;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Symfony\Component\HttpClient\Response\StreamableInterface;
use Symfony\Contracts\HttpClient\HttpClientInterface;
use Symfony\Contracts\HttpClient\ResponseInterface;
use Symfony\Contracts\HttpClient\ResponseStreamInterface;

/**
 * Symfony's HttpClientInterface on the services that it is made for:
 *
 *     new SecureSymfonyClient($calls, ['my-api'])
 *
 * @api
 */
final class SecureSymfonyClient implements HttpClientInterface
{
    /** A request option: the id of the service that the request is for. */
    public const SERVICE = 'secure_outbound_service';

    private readonly Exchanges $exchanges;

    /** @var array<mixed> */
    private array $defaults = [];

    /**
     * @param list<string> $services ids; a request belongs to the one with the longest base path that its URL is below
     * @throws OutboundException invalid_request.malformed if no service is named
     */
    public function __construct(ServiceCalls $calls, array $services)
    {
        $this->exchanges = new Exchanges($calls, new ServiceMatch($calls, $services));
    }

    /**
     * @param array<mixed> $options
     */
    public function request(string $method, #[\SensitiveParameter] string $url, #[\SensitiveParameter] array $options = []): ResponseInterface
    {
        $all = $this->merged($options);
        $request = ClientRequest::of(strtoupper($method), $url, $all);
        $read = new ClientOptions($all, $request->host());
        return interface_exists(StreamableInterface::class)
            ? new StreamableResponse($this, $this->exchanges, $request, $read)
            : new PlainResponse($this->exchanges, $request, $read);
    }

    /**
     * Without a type of the first parameter, as contracts 2.5 have it.
     *
     * @param ResponseInterface|iterable<array-key, ResponseInterface> $responses
     */
    public function stream($responses, ?float $timeout = null): ResponseStreamInterface
    {
        return new ResponseStream($this->exchanges->chunks(self::own($responses), $timeout));
    }

    /**
     * @return list<SecureResponse>
     */
    private static function own(mixed $responses): array
    {
        $own = [];
        foreach (is_iterable($responses) ? $responses : [$responses] as $response) {
            $own[] = $response instanceof SecureResponse ? $response : throw new \TypeError(
                'a response is not of this client, but ' . get_debug_type($response),
            );
        }
        return $own;
    }

    /**
     * @param array<mixed> $options
     */
    public function withOptions(#[\SensitiveParameter] array $options): static
    {
        $clone = clone $this;
        $clone->defaults = $this->merged($options);
        return $clone;
    }

    /**
     * @param array<mixed> $options
     * @return array<mixed>
     */
    private function merged(#[\SensitiveParameter] array $options): array
    {
        $merged = $options + $this->defaults;
        $headers = ClientRequest::headers($options['headers'] ?? []);
        $own = array_map(strtolower(...), array_column($headers, 0));
        foreach (ClientRequest::headers($this->defaults['headers'] ?? []) as $default) {
            if (!in_array(strtolower($default[0]), $own, true)) {
                $headers[] = $default;
            }
        }
        $merged['headers'] = array_map(static fn (array $header): string => implode(': ', $header), $headers);
        return $merged;
    }
}
