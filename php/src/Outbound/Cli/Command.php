<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * @internal
 */
interface Command
{
    /** The text of `secure-outbound help` about this command. */
    public static function help(): string;

    /**
     * @param list<string> $argv the arguments after the command's name
     * @return int exit code
     * @throws UsageError
     * @throws OutboundException
     */
    public function run(array $argv, Streams $streams): int;
}
