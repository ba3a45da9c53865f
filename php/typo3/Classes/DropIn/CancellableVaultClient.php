<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Http\CancellableHttpClientInterface;
use Netresearch\NrVault\Http\CancellationSignalInterface;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * For a release of nr-vault whose calls can be cancelled.
 *
 * @internal
 */
class CancellableVaultClient extends VaultClient implements CancellableHttpClientInterface
{
    public function sendCancellable(
        #[\SensitiveParameter] RequestInterface $request,
        CancellationSignalInterface $signal,
    ): ResponseInterface {
        return $this->send($request, Manner::whole($signal));
    }

    public function supportsCancellation(): bool
    {
        return true;
    }
}
