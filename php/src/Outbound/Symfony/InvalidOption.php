<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Symfony\Contracts\HttpClient\Exception\TransportExceptionInterface;

/**
 * An option that is not supported, or has no valid value.
 *
 * @api
 */
final class InvalidOption extends \InvalidArgumentException implements TransportExceptionInterface
{
}
