<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Names in ASCII, as browsers make them: UTS #46, not transitional; lengths and hyphens of labels are not judged here.
 *
 * A name of plain letters needs nothing. Every other one, an xn-- label included, needs PHP's intl extension: which of
 * them are names at all is a table of some thousand entries. Characters newer than the extension's Unicode are refused.
 *
 * @internal
 */
final class Idna
{
    /** IDNA_ERROR_EMPTY_LABEL to IDNA_ERROR_HYPHEN_3_4; ext-intl's names for them may be missing here. */
    private const LENGTHS_AND_HYPHENS = 0x3f;

    /**
     * @return string|null null for what is no name
     * @throws OutboundException invalid_request.malformed where the name needs ext-intl, and PHP has none
     */
    public static function toAscii(#[\SensitiveParameter] string $name): ?string
    {
        $lower = strtolower($name);
        if (preg_match('/[\x80-\xFF]/', $name) === 0 && !str_contains('.' . $lower, '.xn--')) {
            $ascii = $lower;
        } elseif (!function_exists('idn_to_ascii')) {
            throw OutboundException::malformed("a host name that is not plain ASCII needs PHP's intl extension");
        } else {
            $ascii = self::convert($name);
        }
        // WHATWG's forbidden code points. Some characters turn into one of them only now.
        $isForbidden = $ascii === null || preg_match('~[\x00-\x20#/:<>?@\[\\\\\]^|%\x7F-\xFF]~', $ascii) !== 0;
        return $isForbidden ? null : $ascii;
    }

    private static function convert(#[\SensitiveParameter] string $name): ?string
    {
        $options = \IDNA_CHECK_BIDI | \IDNA_CHECK_CONTEXTJ | \IDNA_NONTRANSITIONAL_TO_ASCII;
        // The capital sharp s has been the small one's since Unicode 15.1; an older ICU makes two letters of it.
        $name = str_replace("\u{1E9E}", "\u{DF}", $name);
        // Of a name with any error it returns false, and the name all the same, beside the errors.
        idn_to_ascii($name, $options, \INTL_IDNA_VARIANT_UTS46, $result);
        $errors = is_array($result) ? $result['errors'] ?? null : null;
        $isValid = is_int($errors) && ($errors & ~self::LENGTHS_AND_HYPHENS) === 0;
        return $isValid && is_string($result['result'] ?? null) ? $result['result'] : null;
    }
}
