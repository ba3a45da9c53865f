<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Http\CancellationSignalInterface;
use Netresearch\NrVault\Http\StreamingHttpClientInterface;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * For a release of nr-vault whose client streams. The library does not stream: it returns a body when all of it has arrived.
 *
 * @internal
 */
class StreamingVaultClient extends CancellableVaultClient implements StreamingHttpClientInterface
{
    private const CANCELLED = 1790475701;

    public function sendStreaming(
        #[\SensitiveParameter] RequestInterface $request,
        ?CancellationSignalInterface $signal = null,
    ): ResponseInterface {
        return $signal === null
            ? $this->sendRequest($request)
            : $this->sendUnlessCancelled($request, $signal, self::CANCELLED);
    }

    public function supportsStreaming(): bool
    {
        return false;
    }
}
