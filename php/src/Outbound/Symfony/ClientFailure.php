<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Symfony\Contracts\HttpClient\Exception\ClientExceptionInterface;
use Symfony\Contracts\HttpClient\ResponseInterface;

/**
 * A response with a status of 400 to 499.
 *
 * @api
 */
final class ClientFailure extends \RuntimeException implements ClientExceptionInterface
{
    /** @internal */
    public function __construct(private readonly ResponseInterface $response, int $status)
    {
        parent::__construct("the response has the status $status", $status);
    }

    public function getResponse(): ResponseInterface
    {
        return $this->response;
    }
}
