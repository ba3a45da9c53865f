<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * What the pages promise, read from the pages.
 */
final class Pages
{
    /**
     * The keys of an audit record.
     *
     * @return list<string>
     */
    public static function auditKeys(): array
    {
        static $keys = null;
        if ($keys === null) {
            preg_match('/^## Response\n\n```json\n(.*?)```/ms', self::read('wire.md'), $match);
            $keys = array_keys(json_decode($match[1] ?? '', true, 512, JSON_THROW_ON_ERROR)['audit']);
        }
        return $keys;
    }

    /**
     * The table of deviations: id, transports, what is different.
     *
     * @return list<array{string, string, string}>
     */
    public static function deviations(): array
    {
        preg_match_all('/^\| `([a-z0-9-]+)` \| (.+?) \| (.+?) \|$/m', self::read('transports.md'), $rows, PREG_SET_ORDER);
        return array_map(static fn (array $row): array => [$row[1], $row[2], $row[3]], $rows);
    }

    private static function read(string $page): string
    {
        return (string) file_get_contents(dirname(__DIR__, 3) . '/docs/' . $page);
    }
}
