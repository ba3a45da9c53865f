<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli\Doctor;

/**
 * Files by a pattern.
 *
 * @internal
 */
final class FileNames
{
    /**
     * @param string $pattern of glob()
     * @return list<string> empty if the directory cannot be read
     */
    public static function matching(string $pattern): array
    {
        $names = glob($pattern);
        return $names === false ? [] : $names;
    }
}
