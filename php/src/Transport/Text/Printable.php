<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Text;

/**
 * Makes text from outside safe for a record or a message.
 *
 * @internal
 */
final class Printable
{
    /** Controls, format characters, and the separators of lines and paragraphs: Unicode's categories Cc, Cf, Zl and Zp. */
    private const UNPRINTABLE = '/[\x{0}-\x{1F}\x{7F}-\x{9F}\x{AD}\x{600}-\x{605}\x{61C}\x{6DD}\x{70F}\x{890}\x{891}\x{8E2}'
        . '\x{180E}\x{200B}-\x{200F}\x{2028}-\x{202E}\x{2060}-\x{206F}\x{FEFF}\x{FFF9}-\x{FFFB}\x{110BD}\x{110CD}'
        . '\x{13430}-\x{1343F}\x{1BCA0}-\x{1BCA3}\x{1D173}-\x{1D17A}\x{E0001}\x{E0020}-\x{E007F}]/u';

    /**
     * The text without what would break a line, hide a part of it, turn its direction or drive a terminal: each character of
     * that kind is a question mark. What is no UTF-8 is U+FFFD.
     *
     * @param int|null $bytes the longest that it may be
     */
    public static function text(string $text, ?int $bytes = null): string
    {
        if (preg_match('/[^\x20-\x7E]/', $text) !== 0) {
            if (preg_match('//u', $text) !== 1) {
                $valid = json_decode((string) json_encode($text, JSON_INVALID_UTF8_SUBSTITUTE));
                $text = is_string($valid) ? $valid : '';
            }
            $text = (string) preg_replace(self::UNPRINTABLE, '?', $text);
        }
        if ($bytes !== null && strlen($text) > $bytes) {
            $text = substr($text, 0, $bytes);
            while (preg_match('//u', $text) !== 1) {
                $text = substr($text, 0, -1);
            }
        }
        return $text;
    }
}
