<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Unit;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use PHPUnit\Framework\TestCase;

/**
 * The folders of the sources are on floors. Each uses folders of lower floors only, so no two folders use each other.
 */
final class FloorsTest extends TestCase
{
    private const PACKAGE = 'Netresearch\\NrVault\\';

    /** The lowest floor comes first. A folder has the files that are directly in it, without those of its subfolders. */
    private const FLOORS = [
        'Transport/Text',
        'Transport/System',
        'Transport/Secret',
        'Outbound/Audit',
        'Outbound/Event',
        'Outbound/Exception',
        'Transport',
        'Transport/Rust',
        'Transport/Sidecar',
        'Transport/Php/Envelope',
        'Transport/Php/Keys',
        'Transport/Php/Policy',
        'Transport/Php/Credential',
        'Transport/Php/Net',
        'Transport/Php/Engine',
        'Transport/Php',
        'Outbound/Credential',
        'Outbound/Registry',
        'Outbound/Call',
        'Outbound/Stream',
        'Service',
        'Outbound/Psr18',
        'Outbound/Guzzle',
        'Outbound/Stripe',
        'Outbound/Symfony',
        'Outbound/Testing',
        'Outbound',
        'Outbound/Cli/Console',
        'Outbound/Cli/Authorize',
        'Outbound/Cli/Audit',
        'Outbound/Cli/Diff',
        'Outbound/Cli/Doctor',
        'Outbound/Cli/Init',
        'Outbound/Cli',
    ];

    public function testEveryFolderHasItsFloor(): void
    {
        $folders = array_values(array_unique(array_map(self::folder(...), array_keys(Build::sources()))));

        self::assertSame([], array_diff($folders, self::FLOORS), 'without a floor');
        self::assertSame([], array_diff(self::FLOORS, $folders), 'without a file');
    }

    public function testTheyStandInTheSameOrderOnThePage(): void
    {
        $page = (string) file_get_contents(dirname(Build::php()) . '/docs/architecture.md');
        preg_match('~```\n( Outbound/Cli .*?)```~s', $page, $picture);
        preg_match_all('~\b(?:Outbound|Service|Transport)\b(?:/\w+)*~', $picture[1] ?? '', $folders);

        self::assertSame(array_reverse(self::FLOORS), $folders[0]);
    }

    public function testNoFolderKnowsOneAboveIt(): void
    {
        $floors = array_flip(self::FLOORS);
        $sources = Build::sources();
        $upwards = [];
        $count = 0;
        foreach ($sources as $file => $code) {
            foreach (self::names($code, self::namespaceOf($file)) as [$class, $line]) {
                $known = strtr(substr($class, strlen(self::PACKAGE)), '\\', '/') . '.php';
                if (isset($sources[$known])) {
                    $count++;
                    if ($floors[self::folder($known)] > $floors[self::folder($file)]) {
                        $upwards[] = "$file:$line knows $class";
                    }
                }
            }
        }

        self::assertGreaterThan(500, $count, 'of the names of classes, most were not read');
        self::assertSame('', implode("\n", $upwards));
    }

    /**
     * The classes that a source names in full or relative to its namespace, with their lines: in imports, code, comments and
     * strings. A class that it names without a namespace is imported or in the same folder.
     *
     * @return list<array{string, int}>
     */
    private static function names(string $code, string $namespace): array
    {
        $names = [];
        foreach (\PhpToken::tokenize($code) as $token) {
            if ($token->is(T_NAME_QUALIFIED)) {
                $isWhole = str_starts_with($token->text, self::PACKAGE);
                $names[] = [$isWhole ? $token->text : $namespace . '\\' . $token->text, $token->line];
                continue;
            }
            $text = $token->is(T_CONSTANT_ENCAPSED_STRING) ? stripslashes($token->text) : $token->text;
            preg_match_all('/' . preg_quote(self::PACKAGE) . '[\w\\\\]+/', $text, $found, PREG_OFFSET_CAPTURE);
            foreach ($found[0] as [$class, $offset]) {
                $names[] = [$class, $token->line + substr_count($text, "\n", 0, $offset)];
            }
        }
        return $names;
    }

    private static function folder(string $file): string
    {
        return dirname($file);
    }

    private static function namespaceOf(string $file): string
    {
        return self::PACKAGE . strtr(self::folder($file), '/', '\\');
    }
}
