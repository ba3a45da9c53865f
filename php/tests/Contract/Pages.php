<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Contract;

/**
 * Tables of the documentation, read from its pages, so that the tests compare the transports with what is promised.
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
     * The table of deviations in the form of Deviations::LIST.
     *
     * @return array<string, array{transports: list<string>, instead: string}>
     */
    public static function deviations(): array
    {
        $pattern = '/^\| `([a-z0-9-]+)` \| `([^|]+)` \| (.+) \|$/m';
        preg_match_all($pattern, self::read('transports.md'), $rows, PREG_SET_ORDER);
        $deviations = [];
        foreach ($rows as [, $id, $transports, $instead]) {
            $deviations[$id] = ['transports' => explode('`, `', $transports), 'instead' => $instead];
        }
        return $deviations;
    }

    /**
     * The tables of docs/faults.md: that of the library, and the rows that are different for PhpTransport.
     *
     * @return array{array<string, list<string>>, array<string, list<string>>} the other five cells of each row, by fault
     */
    public static function faults(): array
    {
        $heading = "| fault | class | code | GET | POST | POST with an idempotency key |\n|---|---|---|---|---|---|\n";
        $tables = [];
        foreach (array_slice(explode($heading, self::read('faults.md')), 1) as $text) {
            $table = [];
            foreach (explode("\n", (string) strstr($text, "\n\n", true)) as $line) {
                $cells = explode(' | ', substr($line, 2, -2));
                $table[array_shift($cells)] = $cells;
            }
            $tables[] = $table;
        }
        return $tables;
    }

    private static function read(string $page): string
    {
        return (string) file_get_contents(dirname(__DIR__, 3) . '/docs/' . $page);
    }
}
