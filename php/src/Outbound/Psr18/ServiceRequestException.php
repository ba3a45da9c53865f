<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Psr18;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Client\RequestExceptionInterface;
use Psr\Http\Message\RequestInterface;

/**
 * The request or its response was refused. It wraps an OutboundException for PSR-18.
 *
 * It has the caller's own request, which contains no credential.
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

    /** The library's exception, with code, audit record, and whether the request was sent. */
    public function failure(): OutboundException
    {
        return $this->failure;
    }
}
