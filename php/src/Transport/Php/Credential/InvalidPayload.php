<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

/**
 * The document does not have the form. Says nothing more, as anything more could quote it, and never leaves Payload.
 *
 * @internal
 */
final class InvalidPayload extends \RuntimeException
{
}
