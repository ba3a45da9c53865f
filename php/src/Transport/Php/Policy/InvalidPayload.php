<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * A payload does not have its form. The text is for whoever seals it: it is fixed and quotes nothing. Of an envelope that is
 * opened no more is said than that it is so.
 *
 * @internal
 */
final class InvalidPayload extends \RuntimeException
{
}
