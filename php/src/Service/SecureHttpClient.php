<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Service;

use Netresearch\NrVault\Outbound\Call\CallEnd;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Stream\StreamedResponse;

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
        $end = $this->calls->call($serviceId, $method, $path, $options);
        return new SecureHttpResponse($end->response, $end->entry);
    }

    public function stream(
        string $serviceId,
        string $method,
        #[\SensitiveParameter] string $path,
        #[\SensitiveParameter] array $options = [],
    ): StreamedResponse {
        $call = $this->calls->stream($serviceId, $method, $path, $options);
        return new StreamedResponse($call->head(), $call);
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
}
