<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Symfony\Contracts\HttpClient\Exception\RedirectionExceptionInterface;
use Symfony\Contracts\HttpClient\ResponseInterface;

/**
 * A response with a status of 300 to 399.
 *
 * @api
 */
final class RedirectionFailure extends \RuntimeException implements RedirectionExceptionInterface
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
