<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Guzzle;

use GuzzleHttp\Exception\TransferException;
use GuzzleHttp\Psr7\HttpFactory;
use GuzzleHttp\Psr7\UriResolver;
use GuzzleHttp\TransferStats;
use Netresearch\NrVault\Outbound\Call\CallEnd;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Call\ServiceMatch;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Psr18\MessageHeaders;
use Netresearch\NrVault\Service\SecureHttpResponse;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\StreamFactoryInterface;

/**
 * One request of Guzzle as a call of a service, with what Guzzle's options ask of a handler.
 *
 * @internal
 */
final readonly class Transfer
{
    /**
     * @param int|float $connectTimeout seconds, as the configuration has it
     */
    public function __construct(
        private ServiceCalls $calls,
        private ServiceMatch $match,
        private int|float $connectTimeout,
    ) {
    }

    /**
     * @param string $id of a service below whose base URL the request's is
     * @param bool $isNamed whether the request says that it is for this service
     * @param array<mixed> $options
     * @throws TransferException of the installed version of Guzzle
     */
    public function send(
        string $id,
        bool $isNamed,
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] array $options,
    ): ResponseInterface {
        $begun = hrtime(true);
        $response = null;
        $failure = null;
        try {
            OptionRules::check($request, $options, $this->connectTimeout);
            $body = self::body($request);
            self::progress($request, $options, 0, strlen($body), 0);
            $delay = OptionRules::seconds($options, 'delay');
            if ($delay !== null) {
                usleep((int) ($delay * 1000));
            }
            $end = $this->call($id, $request, $options, $body);
            $response = self::response($end, $options);
            $this->checkRedirect($id, $isNamed, $request, $response, $options);
            self::onHeaders($request, $response, $options);
            $received = strlen($end->response->body);
            self::progress($request, $options, $received, strlen($body), strlen($body));
            return $response = Sink::fill($request, $response, $options['sink'] ?? null);
        } catch (OutboundException $refusal) {
            $response ??= self::begun($refusal, $options);
            throw $failure = Failures::of($request, $refusal, $response);
        } catch (TransferException $ended) {
            throw $failure = $ended;
        } finally {
            if (is_callable($options['on_stats'] ?? null)) {
                ($options['on_stats'])(new TransferStats($request, $response, (hrtime(true) - $begun) / 1e9, $failure));
            }
        }
    }

    /**
     * @throws OutboundException
     */
    private static function body(#[\SensitiveParameter] RequestInterface $request): string
    {
        try {
            return (string) $request->getBody();
        } catch (\RuntimeException) {
            throw OutboundException::malformed('the body of the request cannot be read');
        }
    }

    /**
     * @param array<mixed> $options
     * @throws OutboundException
     */
    private function call(
        string $id,
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] array $options,
        #[\SensitiveParameter] string $body,
    ): CallEnd {
        return $this->calls->call(
            $id,
            $request->getMethod(),
            '',
            ['body' => $body, 'timeout' => OptionRules::seconds($options, 'timeout')],
            // A fragment is never sent.
            (string) $request->getUri()->withFragment(''),
            MessageHeaders::of($request, strlen($body)),
        );
    }

    /**
     * @param array<mixed> $options
     * @throws OutboundException protocol.invalid
     */
    private static function response(CallEnd $end, #[\SensitiveParameter] array $options): ResponseInterface
    {
        $streams = $options['stream_factory'] ?? null;
        try {
            return (new SecureHttpResponse($end->response, $end->entry))->toPsrResponse(
                self::responses($options),
                $streams instanceof StreamFactoryInterface ? $streams : new HttpFactory(),
            );
        } catch (\InvalidArgumentException) {
            // Guzzle takes no status above 599.
            throw OutboundException::create(
                'protocol.invalid',
                'the response has a status or a header that PSR-7 does not take',
                sent: 'yes',
                httpStatus: $end->response->status,
                auditRecord: $end->entry->record,
            );
        }
    }

    /**
     * A response without a body, if a failure came after the status.
     *
     * @param array<mixed> $options
     */
    private static function begun(OutboundException $failure, #[\SensitiveParameter] array $options): ?ResponseInterface
    {
        $status = $failure->httpStatus();
        return $status === null || $status > 599 ? null : self::responses($options)->createResponse($status);
    }

    /**
     * @param array<mixed> $options
     */
    private static function responses(#[\SensitiveParameter] array $options): ResponseFactoryInterface
    {
        $responses = $options['response_factory'] ?? null;
        return $responses instanceof ResponseFactoryInterface ? $responses : new HttpFactory();
    }

    /**
     * Refuses a redirect that Guzzle would follow out of the service: the server would choose which credential the next request
     * gets, or who gets what the request contains.
     *
     * @param array<mixed> $options
     * @throws OutboundException policy.redirect_not_allowed
     */
    private function checkRedirect(
        string $id,
        bool $isNamed,
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] ResponseInterface $response,
        #[\SensitiveParameter] array $options,
    ): void {
        $follows = $options['allow_redirects'] ?? false;
        if (is_array($follows)) {
            $follows = $follows !== [] && (bool) ($follows['max'] ?? true);
        }
        $isRedirect = in_array($response->getStatusCode(), [301, 302, 303, 307, 308], true);
        if (!(bool) $follows || !$isRedirect || !$response->hasHeader('Location')) {
            return;
        }
        try {
            $location = (new HttpFactory())->createUri($response->getHeaderLine('Location'));
            $target = (string) UriResolver::resolve($request->getUri(), $location)->withFragment('');
            $service = $isNamed ? $this->match->named($id, $target) : $this->match->byUrl($target);
            if ($service->id === $id) {
                return;
            }
        } catch (OutboundException | \InvalidArgumentException) {
            // It leads out of the service as well.
        }
        throw OutboundException::create(
            'policy.redirect_not_allowed',
            "the response redirects out of the service \"$id\"; with allow_redirects false it is handed over",
            sent: 'yes',
            httpStatus: $response->getStatusCode(),
        );
    }

    /**
     * @param array<mixed> $options
     */
    private static function onHeaders(
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] ResponseInterface $response,
        #[\SensitiveParameter] array $options,
    ): void {
        $listener = $options['on_headers'] ?? null;
        if (!is_callable($listener)) {
            return;
        }
        try {
            $listener($response, $request);
        } catch (\Throwable $thrown) {
            throw Failures::request($request, 'the callback on_headers has thrown', $response, $thrown);
        }
    }

    /**
     * @param array<mixed> $options
     */
    private static function progress(
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] array $options,
        int $received,
        int $length,
        int $sent,
    ): void {
        $listener = $options['progress'] ?? null;
        if (!is_callable($listener)) {
            return;
        }
        try {
            $isEnd = (bool) $listener($received, $received, $length, $sent);
        } catch (\Throwable $thrown) {
            throw Failures::request($request, 'the callback progress has thrown', null, $thrown);
        }
        if ($isEnd) {
            throw Failures::request($request, 'the callback progress has ended the transfer');
        }
    }
}
