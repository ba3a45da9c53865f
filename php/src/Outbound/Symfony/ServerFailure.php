<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Symfony\Contracts\HttpClient\Exception\ServerExceptionInterface;
use Symfony\Contracts\HttpClient\ResponseInterface;

/**
 * A response with a status of 500 to 599.
 *
 * @api
 */
final class ServerFailure extends \RuntimeException implements ServerExceptionInterface
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
