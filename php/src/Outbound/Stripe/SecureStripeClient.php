<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Stripe;

use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Call\ServiceMatch;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\TransferFailed;
use Netresearch\NrVault\Transport\Text\Uuid7;
use Stripe\Exception\ApiConnectionException;
use Stripe\Exception\UnexpectedValueException;
use Stripe\HttpClient\ClientInterface;
use Stripe\HttpClient\StreamingClientInterface;
use Stripe\Util\CaseInsensitiveArray;

/**
 * The HTTP client of Stripe's SDK, on the services that it is made for:
 *
 *     ApiRequestor::setHttpClient($client = new SecureStripeClient($calls, ['stripe']));
 *     ApiRequestor::setStreamingHttpClient($client);
 *     $stripe = new StripeClient(Placeholder::of('stripe'));
 *
 * @api
 */
final readonly class SecureStripeClient implements ClientInterface, StreamingClientInterface
{
    private ServiceMatch $match;

    /**
     * @param list<string> $services ids; a request belongs to the one with the longest base path that its URL is below
     * @param int|float|null $timeout seconds for the whole of each request; null: the value of policy and configuration
     * @throws OutboundException invalid_request.malformed if no service is named
     */
    public function __construct(private ServiceCalls $calls, array $services, private int|float|null $timeout = null)
    {
        $this->match = new ServiceMatch($calls, $services);
    }

    /**
     * @param string $method
     * @param string $absUrl
     * @param array<mixed> $headers
     * @param array<mixed> $params
     * @param bool $hasFile
     * @param string $apiMode
     * @param int|null $maxNetworkRetries not used: the policy of the service says how many attempts there are
     * @return array{string, int, CaseInsensitiveArray}
     * @throws ApiConnectionException if the network failed
     * @throws UnexpectedValueException for a refusal
     */
    public function request(
        $method,
        $absUrl,
        #[\SensitiveParameter] $headers,
        #[\SensitiveParameter] $params,
        $hasFile,
        $apiMode = 'v1',
        $maxNetworkRetries = null,
    ): array {
        return self::guarded(function () use ($method, $absUrl, $headers, $params, $hasFile, $apiMode): array {
            $arguments = $this->arguments(new StripeRequest($method, $absUrl, $headers, $params, $hasFile, $apiMode));
            $response = $this->calls->call(...$arguments)->response;
            return [$response->body, $response->status, new CaseInsensitiveArray(array_column($response->headers, 1, 0))];
        });
    }

    /**
     * The callback gets the body of a success while it arrives.
     *
     * @param string $method
     * @param string $absUrl
     * @param array<mixed> $headers
     * @param array<mixed> $params
     * @param bool $hasFile
     * @param callable $readBodyChunkCallable
     * @param int|null $maxNetworkRetries as in request()
     * @return array{string|null, int, CaseInsensitiveArray} without the body of a success
     * @throws ApiConnectionException
     * @throws UnexpectedValueException
     */
    public function requestStream(
        $method,
        $absUrl,
        #[\SensitiveParameter] $headers,
        #[\SensitiveParameter] $params,
        $hasFile,
        $readBodyChunkCallable,
        $maxNetworkRetries = null,
    ): array {
        return self::guarded(function () use ($method, $absUrl, $headers, $params, $hasFile, $readBodyChunkCallable): array {
            $call = $this->calls->stream(...$this->arguments(new StripeRequest($method, $absUrl, $headers, $params, $hasFile, 'v1')));
            $head = $call->head();
            $body = '';
            while (($bytes = $call->read()) !== '') {
                if ($head->status < 300) {
                    $readBodyChunkCallable($bytes);
                } else {
                    $body .= $bytes;
                }
            }
            return [$head->status < 300 ? null : $body, $head->status, new CaseInsensitiveArray(array_column($head->headers, 1, 0))];
        });
    }

    /**
     * @return array{string, string, string, array<string, mixed>, string, list<array{string, string}>} of ServiceCalls
     * @throws OutboundException
     */
    private function arguments(StripeRequest $request): array
    {
        $id = $this->match->placeholder($request->headers, static fn (): string => '');
        $service = $id === null ? $this->match->byUrl($request->url) : $this->match->named($id, $request->url);
        $options = ['timeout' => $this->timeout];
        if ($request->method === 'POST' || ($request->isV2 && $request->method === 'DELETE')) {
            $options['idempotencyKey'] = $request->idempotencyKey ?? Uuid7::generate();
        }
        return [$service->id, $request->method, '', $options + $request->body, $request->url, $request->headers];
    }

    /**
     * @template T
     * @param \Closure(): T $call
     * @return T
     * @throws ApiConnectionException
     * @throws UnexpectedValueException
     */
    private static function guarded(#[\SensitiveParameter] \Closure $call): mixed
    {
        try {
            return $call();
        } catch (TransferFailed $failure) {
            throw $failure->errorClass() === 'internal'
                ? new UnexpectedValueException($failure->getMessage(), 0, $failure)
                : new ApiConnectionException($failure->getMessage(), 0, $failure);
        } catch (OutboundException $refusal) {
            throw new UnexpectedValueException($refusal->getMessage(), 0, $refusal);
        }
    }
}
