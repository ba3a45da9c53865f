<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Symfony\Contracts\HttpClient\Exception\TransportExceptionInterface;

/**
 * A request that was refused or failed, with the library's exception as the previous one.
 *
 * @api
 */
final class TransportFailure extends \RuntimeException implements TransportExceptionInterface
{
}
