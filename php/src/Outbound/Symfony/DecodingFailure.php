<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

use Symfony\Contracts\HttpClient\Exception\DecodingExceptionInterface;

/**
 * The body of a response is no JSON object or array.
 *
 * @api
 */
final class DecodingFailure extends \RuntimeException implements DecodingExceptionInterface
{
}
