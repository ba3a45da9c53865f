<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support;

/**
 * The two tables of error codes in docs/wire.md, and the enum that is generated from them.
 */
final class CodeTables
{
    private const WIDTH = 100;

    /** @return array<string, string> the meanings of the library's codes, by code */
    public static function library(): array
    {
        return self::tables()[0];
    }

    /** @return array<string, string> the meanings of the codes that only PHP has, by code */
    public static function php(): array
    {
        return self::tables()[1];
    }

    /** The source of the enum ErrorCode. */
    public static function enum(): string
    {
        $cases = $meanings = '';
        foreach ([...self::library(), ...self::php()] as $code => $meaning) {
            $name = str_replace(' ', '', ucwords(strtr($code, '._', '  ')));
            $cases .= "    case {$name} = '{$code}';\n";
            $meanings .= "            self::{$name} =>\n                " . self::literal($meaning) . ",\n";
        }
        return <<<PHP
            <?php

            declare(strict_types=1);

            namespace Netresearch\\NrVault\\Outbound\\Exception;

            /**
             * The codes of errors, and what they mean. `make codes` makes this file of the tables in docs/wire.md.
             *
             * Cases are only ever added.
             *
             * @api
             */
            enum ErrorCode: string
            {
            {$cases}
                /** The part before the dot, such as "policy". */
                public function errorClass(): string
                {
                    return (string) strstr(\$this->value, '.', true);
                }

                /** What the code means and what to do about it, as docs/wire.md has it. */
                public function meaning(): string
                {
                    return match (\$this) {
            {$meanings}        };
                }
            }

            PHP;
    }

    private static function literal(string $text): string
    {
        $lines = explode("\n", wordwrap($text, self::WIDTH, " \n"));
        return implode("\n                    . ", array_map(
            static fn (string $line): string => "'" . addcslashes($line, "'\\") . "'",
            $lines,
        ));
    }

    /** @return list<array<string, string>> */
    private static function tables(): array
    {
        $page = (string) file_get_contents(dirname(__DIR__, 3) . '/docs/wire.md');
        $errors = (string) strstr($page, "\n## Errors\n");
        $tables = [];
        foreach (array_slice(explode("\n| code | meaning, and what to do |\n", $errors), 1) as $table) {
            preg_match_all('/^\| `([a-z_]+\.[a-z_]+)` \| (.+) \|$/m', (string) strstr($table . "\n\n", "\n\n", true), $rows);
            $meanings = preg_replace('/\[([^]]+)\]\([^)]+\)/', '$1', $rows[2]);
            $tables[] = array_combine($rows[1], (array) $meanings);
        }
        return $tables;
    }
}
