<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Server\MiddlewareInterface;
use Psr\Http\Server\RequestHandlerInterface;
use TYPO3\CMS\Core\Http\JsonResponse;

/**
 * A frontend request that calls a service: /outbound-test?service=crm&path=/echo; /outbound-timings calls it with each
 * client, /outbound-leave ends in the middle of a response.
 */
final readonly class CallMiddleware implements MiddlewareInterface
{
    public function __construct(private Calls $calls, private Timings $timings)
    {
    }

    public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
    {
        return match ($request->getUri()->getPath()) {
            '/outbound-test' => new JsonResponse($this->calls->asked($request)),
            '/outbound-timings' => new JsonResponse($this->timings->asked($request)),
            '/outbound-leave' => $this->calls->leave($request),
            default => $handler->handle($request),
        };
    }
}
