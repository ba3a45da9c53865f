<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

/**
 * HPACK's Huffman code (RFC 7541, Appendix B) for printable ASCII.
 */
final class Huffman
{
    /**
     * Characters by the length of their code, in order: as the code is canonical, the codes follow from that. NUL is the only character
     * here that is not printable; without it, the codes after it would be wrong.
     */
    private const LENGTHS = [
        5 => '012aceiost',
        6 => ' %-./3456789=A_bdfghlmnpru',
        7 => ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz',
        8 => '&*,;XZ',
        10 => '!"()?',
        11 => '\'+|',
        12 => '#>',
        13 => "\0$@[]~",
        14 => '^}',
        15 => '<`{',
        19 => '\\',
    ];

    /** The code of a text as a string of "0" and "1". */
    public static function bits(#[\SensitiveParameter] string $text): string
    {
        static $codes = null;
        $codes ??= self::codes();
        return implode('', array_map(
            static fn (string $character): string => $codes[ord($character)]
                ?? throw new \InvalidArgumentException('Only printable ASCII has a code here.'),
            str_split($text),
        ));
    }

    /** The bytes for a string of "0" and "1", whose last byte is filled up with ones as in HPACK. */
    public static function bytes(string $bits): string
    {
        $bytes = str_split($bits . str_repeat('1', -strlen($bits) & 7), 8);
        return implode('', array_map(static fn (string $byte): string => chr((int) bindec($byte)), $bytes));
    }

    /**
     * @return array<int, string> the codes by the value of the character
     */
    private static function codes(): array
    {
        $codes = [];
        $next = $before = 0;
        foreach (self::LENGTHS as $length => $characters) {
            $next <<= $length - $before;
            $before = $length;
            foreach (str_split($characters) as $character) {
                $codes[ord($character)] = sprintf('%0' . $length . 'b', $next++);
            }
        }
        return $codes;
    }
}
