<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Symfony\Contracts\HttpClient\Exception\TimeoutExceptionInterface;

/**
 * Nothing came for as long as the option timeout says. The response can be waited for again.
 *
 * @api
 */
final class TimeoutFailure extends \RuntimeException implements TimeoutExceptionInterface
{
}
