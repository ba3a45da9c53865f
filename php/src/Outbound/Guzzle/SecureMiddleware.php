<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Guzzle;

use GuzzleHttp\Promise\PromiseInterface;
use Netresearch\NrVault\Outbound\Call\ServiceCalls;
use Netresearch\NrVault\Outbound\Call\ServiceMatch;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Log\LoggerInterface;

/**
 * A middleware for all requests of an application that makes its clients in one place. Only a request that says so, by the
 * placeholder of a service or by the option SecureHandler::SERVICE, gets a credential: a URL alone, which may be an editor's
 * link, never does. It belongs behind the middleware for redirects, where push() puts it.
 *
 * @api
 */
final readonly class SecureMiddleware
{
    private ServiceMatch $match;
    private Transfers $transfers;

    /**
     * @param list<string> $services ids
     * @param LoggerInterface|null $report null: a request that no service allows is refused; otherwise it is reported here, and
     *        handed to the next handler
     * @throws OutboundException invalid_request.malformed if no service is named
     */
    public function __construct(
        ServiceCalls $calls,
        array $services,
        private ?LoggerInterface $report = null,
    ) {
        $this->match = new ServiceMatch($calls, $services);
        $this->transfers = new Transfers($calls, $this->match);
    }

    /**
     * @param callable(RequestInterface, array<mixed>): PromiseInterface<ResponseInterface, mixed> $next
     * @return \Closure(RequestInterface, array<mixed>): PromiseInterface<ResponseInterface, mixed>
     */
    public function __invoke(callable $next): \Closure
    {
        return function (
            #[\SensitiveParameter] RequestInterface $request,
            #[\SensitiveParameter] array $options,
        ) use ($next): PromiseInterface {
            try {
                return $this->send($request, $options) ?? $next($request, $options);
            } catch (OutboundException $refusal) {
                return Failures::rejection(Failures::of($request, $refusal));
            }
        };
    }

    /**
     * @param array<mixed> $options
     * @return PromiseInterface<ResponseInterface, mixed>|null null: the request is handed to the next handler
     * @throws OutboundException
     */
    private function send(
        #[\SensitiveParameter] RequestInterface $request,
        #[\SensitiveParameter] array $options,
    ): ?PromiseInterface {
        $url = (string) $request->getUri()->withFragment('');
        $id = SecureHandler::named($this->match, $request, $options);
        if ($id !== null) {
            // What names a service stays with it: it would otherwise come back by a redirect of whoever got it.
            $this->match->named($id, $url);
            return $this->transfers->send($id, true, $request, $options);
        }
        try {
            $service = $this->match->byUrl($url);
            if ($service->credentials !== []) {
                throw OutboundException::create(
                    'policy.host_not_allowed',
                    "the URL is that of the service \"$service->id\", but the request does not say that it is for it: it has neither the "
                    . 'placeholder nor the option ' . SecureHandler::SERVICE,
                );
            }
        } catch (OutboundException $refusal) {
            if ($this->report === null) {
                throw $refusal;
            }
            $this->report->warning('{method} {host} goes past Secure Outbound: {reason}', [
                'method' => $request->getMethod(),
                'host' => $request->getUri()->getHost(),
                'reason' => $refusal->getMessage(),
            ]);
            return null;
        }
        return $this->transfers->send($service->id, false, $request, $options);
    }
}
