<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Symfony;

/**
 * A response where symfony/http-client is not installed.
 *
 * @internal
 */
final class PlainResponse extends SecureResponse
{
}
