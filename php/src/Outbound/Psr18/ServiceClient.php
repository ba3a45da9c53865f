<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Psr18;

use Netresearch\NrVault\Outbound\Audit\AuditEntry;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Exception\TransferFailed;
use Netresearch\NrVault\Outbound\Stream\StreamedResponse;
use Netresearch\NrVault\Service\SecureHttpResponse;
use Psr\Http\Client\ClientInterface;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\StreamFactoryInterface;

/**
 * A PSR-18 client for one service. It passes on the absolute URI, and leaves every check to the library.
 *
 * @phpstan-import-type AuditRecord from AuditEntry
 * @internal OutboundClientFactory makes it
 */
final readonly class ServiceClient implements ClientInterface
{
    public function __construct(
        private ServiceCalls $calls,
        private string $serviceId,
        private ResponseFactoryInterface $responses,
        private StreamFactoryInterface $streams,
        private int|float|null $timeout = null,
        private bool $isStream = false,
        private ?object $cancel = null,
    ) {
    }

    public function sendRequest(#[\SensitiveParameter] RequestInterface $request): ResponseInterface
    {
        $uri = $request->getUri();
        try {
            $body = (string) $request->getBody();
            $headers = MessageHeaders::of($request, strlen($body));
        } catch (\RuntimeException) {
            throw new ServiceRequestException($request, OutboundException::malformed('the body of the request cannot be read'));
        }
        try {
            return $this->response(
                $this->serviceId,
                $request->getMethod(),
                '',
                ['body' => $body, 'timeout' => $this->timeout, 'cancel' => $this->cancel],
                // A fragment is never sent.
                (string) $uri->withFragment(''),
                $headers,
            );
        } catch (TransferFailed $failure) {
            throw $failure->errorClass() === 'internal'
                ? new ServiceRequestException($request, $failure)
                : new ServiceNetworkException($request, $failure);
        } catch (OutboundException $failure) {
            throw new ServiceRequestException($request, $failure);
        }
    }

    /**
     * @param array<string, mixed> $options
     * @param list<array{string, string}> $headers
     * @throws OutboundException
     */
    private function response(
        string $id,
        string $method,
        string $path,
        #[\SensitiveParameter] array $options,
        #[\SensitiveParameter] string $url,
        #[\SensitiveParameter] array $headers,
    ): ResponseInterface {
        if ($this->isStream) {
            $call = $this->calls->stream($id, $method, $path, $options, $url, $headers);
            $head = $call->head();
            try {
                return (new StreamedResponse($head, $call))->toPsrResponse($this->responses);
            } catch (\InvalidArgumentException) {
                throw $call->refuse(self::unsuitable($head->status));
            }
        }
        $end = $this->calls->call($id, $method, $path, $options, $url, $headers);
        try {
            return (new SecureHttpResponse($end->response, $end->entry))->toPsrResponse($this->responses, $this->streams);
        } catch (\InvalidArgumentException) {
            throw self::unsuitable($end->response->status, $end->entry->record);
        }
    }

    /**
     * Some implementations of PSR-7 refuse a status above 599, and PSR-18 allows no other exceptions than its own.
     *
     * @param AuditRecord|null $record
     */
    private static function unsuitable(int $status, ?array $record = null): OutboundException
    {
        return OutboundException::create(
            'protocol.invalid',
            'the response has a status or a header that the PSR-7 factory in use does not take',
            sent: 'yes',
            httpStatus: $status,
            auditRecord: $record,
        );
    }
}
