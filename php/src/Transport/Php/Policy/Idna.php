<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * Converts names to ASCII as browsers do: UTS #46, nontransitional; lengths and hyphens of labels are not checked here.
 *
 * A name in ASCII without an xn-- label needs no conversion. Every other name needs PHP's intl extension, because the table of
 * valid characters has some thousand entries. Characters newer than the extension's Unicode are refused.
 *
 * @internal
 */
final class Idna
{
    /** IDNA_ERROR_EMPTY_LABEL to IDNA_ERROR_HYPHEN_3_4; ext-intl's names for them may be missing here. */
    private const LENGTHS_AND_HYPHENS = 0x3f;

    /**
     * @return string|null null for an invalid name
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
        // WHATWG's forbidden code points. The conversion can turn other characters into one of them.
        $isForbidden = $ascii === null || preg_match('~[\x00-\x20#/:<>?@\[\\\\\]^|%\x7F-\xFF]~', $ascii) !== 0;
        return $isForbidden ? null : $ascii;
    }

    private static function convert(#[\SensitiveParameter] string $name): ?string
    {
        $options = \IDNA_CHECK_BIDI | \IDNA_CHECK_CONTEXTJ | \IDNA_NONTRANSITIONAL_TO_ASCII;
        // The capital sharp s has been the small one's since Unicode 15.1; an older ICU turns it into two letters.
        $name = str_replace("\u{1E9E}", "\u{DF}", $name);
        // For a name with an error it returns false; $result has the name and the errors.
        idn_to_ascii($name, $options, \INTL_IDNA_VARIANT_UTS46, $result);
        $errors = is_array($result) ? $result['errors'] ?? null : null;
        $isValid = is_int($errors) && ($errors & ~self::LENGTHS_AND_HYPHENS) === 0;
        return $isValid && is_string($result['result'] ?? null) ? $result['result'] : null;
    }
}
