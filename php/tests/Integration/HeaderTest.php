<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Integration;

use Netresearch\NrVault\Outbound\Tests\Support\Build;
use Netresearch\NrVault\Transport\NativeLibrary;
use PHPUnit\Framework\TestCase;

/**
 * The declarations in NativeLibrary are those of include/secure_outbound.h.
 */
final class HeaderTest extends TestCase
{
    public function testTheDeclarationsAreThoseOfTheHeader(): void
    {
        $class = new \ReflectionClass(NativeLibrary::class);
        $declarations = implode("\n", array_map($class->getConstant(...), ['DECLARATIONS', 'OPTIONAL', 'DECIDING', 'STREAMING', 'UPLOADING']));
        $header = array_filter(
            self::statements((string) file_get_contents(Build::header())),
            // PHP has no event loop, and waits in secure_outbound_wait.
            static fn (string $statement): bool => preg_match('/^(typedef )?enum |\bsecure_outbound_event\b/', $statement) !== 1,
        );

        self::assertEqualsCanonicalizing(array_values($header), self::statements($declarations));
    }

    public function testTheConstantsAreThoseOfTheHeader(): void
    {
        $constants = (new \ReflectionClass(NativeLibrary::class))->getConstants();
        $header = (string) file_get_contents(Build::header());
        preg_match_all('/\bSECURE_OUTBOUND_([A-Z_]+) = (-?\d+)/', $header, $matches);

        $expected = array_map(intval(...), array_combine($matches[1], $matches[2]));
        $names = [
            'OK', 'FAILED', 'PENDING', 'END', 'NULL_POINTER', 'LENGTH_TOO_LARGE', 'UNKNOWN_ENGINE', 'UNKNOWN_CALL',
            'UNKNOWN_EXCHANGE',
        ];
        self::assertSame($names, array_keys($expected));
        self::assertSame($expected, array_intersect_key($constants, $expected));
    }

    public function testTheWholeHeaderLoadsAsItIs(): void
    {
        $ffi = \FFI::cdef((string) file_get_contents(Build::header()), Build::library());

        self::assertSame(NativeLibrary::ABI, $ffi->secure_outbound_abi_version());
    }

    /**
     * The statements of a C text without comments and directives, with one space between tokens.
     *
     * @return list<string>
     */
    private static function statements(string $text): array
    {
        $text = (string) preg_replace(['~/\*.*?\*/~s', '~//.*~', '/^#.*$/m'], '', $text);
        preg_match_all('/\w+|[^\w\s]/', $text, $tokens);
        $statements = [];
        $statement = [];
        $depth = 0;
        foreach ($tokens[0] as $token) {
            $depth += ['{' => 1, '}' => -1][$token] ?? 0;
            if ($token === ';' && $depth === 0) {
                $statements[] = implode(' ', $statement);
                $statement = [];
            } else {
                $statement[] = $token;
            }
        }
        self::assertSame([], $statement, 'text after the last statement');
        return $statements;
    }
}
