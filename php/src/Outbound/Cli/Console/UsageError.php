<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Console;

/**
 * The command was called in a wrong way, or its input is not valid. Messages contain fixed texts and names, and nothing that was
 * read from standard input or from a key.
 *
 * @internal
 */
final class UsageError extends \RuntimeException
{
}
