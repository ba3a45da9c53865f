<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Service;

use Netresearch\NrVault\Outbound\Call\CallEnd;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Stream\Sink;
use Netresearch\NrVault\Outbound\Stream\StreamedResponse;
use Psr\Http\Message\StreamInterface;

/**
 * The client of extensions.
 *
 *     $client->get('my-api', '/resources/1', ['query' => ['include' => 'metadata']])->json()
 *
 * @api
 */
final readonly class SecureHttpClient implements SecureHttpStreamClientInterface
{
    use HttpMethods;

    public function __construct(private ServiceCalls $calls)
    {
    }

    public function request(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): SecureHttpResponse {
        if (isset($options['sink'])) {
            return $this->intoSink($serviceId, $method, $path, $options);
        }
        unset($options['sink']);
        $end = $this->calls->call($serviceId, $method, $path, $options);
        return new SecureHttpResponse($end->response, $end->entry);
    }

    public function stream(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): StreamedResponse {
        return $this->begin($serviceId, $method, $path, $options);
    }

    public function requestAll(iterable $requests, int $concurrency = 10): \Generator
    {
        return self::responses($this->calls->callAll($requests, $concurrency));
    }

    /**
     * @param \Generator<array-key, CallEnd|OutboundException> $ends
     * @return \Generator<array-key, SecureHttpResponse|OutboundException>
     */
    private static function responses(\Generator $ends): \Generator
    {
        foreach ($ends as $key => $end) {
            yield $key => $end instanceof CallEnd ? new SecureHttpResponse($end->response, $end->entry) : $end;
        }
    }

    /**
     * @param array<mixed> $options
     */
    private function intoSink(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options,
    ): SecureHttpResponse {
        $sink = Sink::of($options['sink'] ?? null);
        unset($options['sink']);
        $response = $this->begin($serviceId, $method, $path, $options);
        $sink->take($response);
        return new SecureHttpResponse($response->withoutBody(), $response->audit() ?? throw new \LogicException('the call has not ended'));
    }

    /**
     * @param array<mixed> $options
     */
    private function begin(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options,
    ): StreamedResponse {
        // A host without Composer may not have it, and would learn so when the request has been sent.
        if (!interface_exists(StreamInterface::class)) {
            throw OutboundException::create(
                'configuration.transport_unavailable',
                'a response that is read while it arrives needs the interfaces of psr/http-message: install that package',
            );
        }
        $call = $this->calls->stream($serviceId, $method, $path, $options);
        return new StreamedResponse($call->head(), $call);
    }
}
