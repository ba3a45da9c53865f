<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Console;

use Netresearch\NrVault\Transport\System\LocalFile;
use Netresearch\NrVault\Transport\Wire;

/**
 * The transport's configuration, a JSON file.
 *
 * @internal
 */
final class ConfigFile
{
    /**
     * @return array<string, mixed>
     * @throws UsageError
     */
    public static function read(string $path): array
    {
        $contents = LocalFile::read($path);
        if ($contents === null) {
            throw new UsageError('The configuration file does not exist, or this user cannot read it.');
        }
        return Wire::object($contents) ?? throw new UsageError('The configuration file holds no JSON object.');
    }
}
