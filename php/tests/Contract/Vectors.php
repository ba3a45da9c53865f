<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * The vectors in tests/vectors, which the Rust tests read as well.
 */
final class Vectors
{
    /**
     * @return array<string, mixed>
     */
    public static function read(string $file): array
    {
        $json = (string) file_get_contents(dirname(__DIR__, 3) . '/tests/vectors/' . $file);
        return json_decode($json, true, 512, JSON_THROW_ON_ERROR);
    }
}
