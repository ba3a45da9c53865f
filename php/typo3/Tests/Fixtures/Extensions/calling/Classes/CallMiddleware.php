<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Server\MiddlewareInterface;
use Psr\Http\Server\RequestHandlerInterface;
use TYPO3\CMS\Core\Http\JsonResponse;

/**
 * A frontend request that calls a service: /outbound-test?service=crm&path=/echo
 */
final readonly class CallMiddleware implements MiddlewareInterface
{
    public function __construct(private Calls $calls)
    {
    }

    public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
    {
        if ($request->getUri()->getPath() !== '/outbound-test') {
            return $handler->handle($request);
        }
        return new JsonResponse($this->calls->asked($request));
    }
}
