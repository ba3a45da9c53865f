<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * A payload does not have its form. The message is for the person who seals it: it is a fixed text without values. When an
 * envelope is opened for a call, the message is not shown.
 *
 * @internal
 */
final class InvalidPayload extends \RuntimeException
{
}
