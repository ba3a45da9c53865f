<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Tests\Support\Memory;

/**
 * The encodings in which a text can be in memory. In some of them, its bytes depend on the place where it begins in a larger text.
 */
final class Forms
{
    /**
     * @return array<string, string> the bytes that do not depend on the text around the copy, by the name of the form
     */
    public static function of(#[\SensitiveParameter] string $text): array
    {
        $forms = self::written($text);
        foreach ($forms as $name => $form) {
            if (preg_match('/^[\x20-\x7e]+$/', $form) === 1) {
                $forms += self::huffman($name, $form);
            }
        }
        return array_unique($forms);
    }

    /**
     * Texts that contain $text, one in each form, with other characters around it.
     *
     * @return array<string, string> by the name of the form, as in of()
     */
    public static function examples(#[\SensitiveParameter] string $text): array
    {
        $examples = [];
        foreach (self::of($text) as $name => $form) {
            [$written, $offset] = explode(' huffman+', $name) + [1 => null];
            $examples[$name] = match (true) {
                $offset !== null => Huffman::bytes(
                    str_repeat('0', (int) $offset) . Huffman::bits(self::written($text)[$written]) . '0000000',
                ),
                preg_match('/^base64(url)?\+(\d)$/', $written, $match) === 1 => strtr(
                    base64_encode(str_repeat("\xA5", (int) $match[2]) . $text . "\x5A"),
                    $match[1] === '' ? '' : '+/',
                    $match[1] === '' ? '' : '-_',
                ),
                default => '<' . $form . '>',
            };
        }
        return $examples;
    }

    /**
     * @return array<string, string>
     */
    private static function written(#[\SensitiveParameter] string $text): array
    {
        $forms = ['raw' => $text, 'percent' => rawurlencode($text), 'hex' => bin2hex($text)];
        if (preg_match('//u', $text) === 1) {
            $forms['json'] = substr((string) json_encode($text, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE), 1, -1);
            $forms['json, slashes escaped'] = substr((string) json_encode($text), 1, -1);
        }
        foreach ([0, 1, 2] as $offset) {
            // Only the characters whose six bits are all from the text, none from its neighbours.
            $encoded = base64_encode(str_repeat("\0", $offset) . $text);
            $first = intdiv($offset * 8 + 5, 6);
            $core = substr($encoded, $first, intdiv(($offset + strlen($text)) * 8, 6) - $first);
            $forms['base64+' . $offset] = $core;
            $forms['base64url+' . $offset] = strtr($core, '+/', '-_');
        }
        return array_unique($forms);
    }

    /**
     * @return array<string, string>
     */
    private static function huffman(string $name, #[\SensitiveParameter] string $form): array
    {
        $forms = [];
        $bits = Huffman::bits($form);
        foreach (range(0, 7) as $offset) {
            // Only the bytes whose eight bits are all from the text, none from its neighbours.
            $inner = substr($bits, -$offset & 7);
            $forms[$name . ' huffman+' . $offset] = Huffman::bytes(substr($inner, 0, strlen($inner) & ~7));
        }
        return $forms;
    }
}
