<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Console;

/**
 * The command was called in a way that it does not have, or what it was given cannot be taken. Messages are fixed texts
 * and names; nothing that was read from standard input or from a key is in them.
 *
 * @internal
 */
final class UsageError extends \RuntimeException
{
}
