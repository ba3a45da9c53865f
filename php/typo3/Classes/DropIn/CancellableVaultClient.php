<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\DropIn;

use Netresearch\NrVault\Exception\RequestCancelledException;
use Netresearch\NrVault\Http\CancellableHttpClientInterface;
use Netresearch\NrVault\Http\CancellationSignalInterface;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;

/**
 * For a release of nr-vault whose calls can be cancelled. Calls of this client can be cancelled only before they begin, which
 * nr-vault's interface permits.
 *
 * @internal
 */
class CancellableVaultClient extends VaultClient implements CancellableHttpClientInterface
{
    private const CANCELLED = 1786579201;

    public function sendCancellable(
        #[\SensitiveParameter] RequestInterface $request,
        CancellationSignalInterface $signal,
    ): ResponseInterface {
        return $this->sendUnlessCancelled($request, $signal, self::CANCELLED);
    }

    public function supportsCancellation(): bool
    {
        return false;
    }

    final protected function sendUnlessCancelled(
        #[\SensitiveParameter] RequestInterface $request,
        CancellationSignalInterface $signal,
        int $code,
    ): ResponseInterface {
        return $this->send($request, static function () use ($signal, $code): void {
            if ($signal->isCancelled()) {
                throw new RequestCancelledException('the call was cancelled before anything was read or sent', $code);
            }
        });
    }
}
