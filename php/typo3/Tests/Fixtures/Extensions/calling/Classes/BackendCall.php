<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use TYPO3\CMS\Backend\Attribute\AsController;
use TYPO3\CMS\Core\Http\JsonResponse;

/**
 * A request of a logged-in backend user that calls a service.
 */
#[AsController]
final readonly class BackendCall
{
    public function __construct(private Calls $calls)
    {
    }

    public function call(ServerRequestInterface $request): ResponseInterface
    {
        return new JsonResponse($this->calls->asked($request));
    }
}
