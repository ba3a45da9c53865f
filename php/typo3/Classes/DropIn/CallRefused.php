<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Exception\VaultException;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Psr\Http\Client\RequestExceptionInterface;
use Psr\Http\Message\RequestInterface;

/**
 * A call of nr-vault's client that was refused before anything was sent. Callers expect an exception of nr-vault, or one of
 * PSR-18: it is both.
 *
 * @api
 */
final class CallRefused extends VaultException implements RequestExceptionInterface
{
    private readonly \SensitiveParameterValue $request;

    /**
     * @internal
     */
    public function __construct(
        #[\SensitiveParameter] RequestInterface $request,
        private readonly OutboundException $failure,
        int $code,
    ) {
        parent::__construct($failure->getMessage(), $code);
        $this->request = new \SensitiveParameterValue($request);
    }

    /** The caller's own request, which has no credential in it. */
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
