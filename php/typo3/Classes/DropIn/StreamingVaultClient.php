<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Http\CancellationSignalInterface;
use Netresearch\NrVault\Http\StreamingHttpClientInterface;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * For a release of nr-vault whose client streams.
 *
 * @internal
 */
class StreamingVaultClient extends CancellableVaultClient implements StreamingHttpClientInterface
{
    public function sendStreaming(
        #[\SensitiveParameter] RequestInterface $request,
        ?CancellationSignalInterface $signal = null,
    ): ResponseInterface {
        return $this->send($request, Manner::stream($signal));
    }

    public function supportsStreaming(): bool
    {
        return true;
    }
}
