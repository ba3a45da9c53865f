<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Psr18;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Client\RequestExceptionInterface;
use Psr\Http\Message\RequestInterface;

/**
 * The request was refused, or its response was. PSR-18's wrapper of an OutboundException.
 *
 * It holds the caller's own request, which has no credential in it.
 *
 * @api
 */
final class ServiceRequestException extends \RuntimeException implements RequestExceptionInterface
{
    private readonly \SensitiveParameterValue $request;

    /**
     * @internal
     */
    public function __construct(
        #[\SensitiveParameter] RequestInterface $request,
        private readonly OutboundException $failure,
    ) {
        parent::__construct($failure->getMessage(), $failure->getCode());
        $this->request = new \SensitiveParameterValue($request);
    }

    public function getRequest(): RequestInterface
    {
        return $this->request->getValue();
    }

    /** Code, audit record, and whether it was sent. */
    public function failure(): OutboundException
    {
        return $this->failure;
    }
}
