<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend;

use TYPO3\CMS\Core\Localization\LanguageService;

/**
 * The module's texts, in the language of whoever is logged in.
 *
 * @internal
 */
final class Labels
{
    private const FILE = 'LLL:EXT:nr_secure_outbound/Resources/Private/Language/module.xlf:';

    /** For callers that translate the label themselves. */
    public static function path(string $key): string
    {
        return self::FILE . $key;
    }

    public static function get(string $key, string|int ...$arguments): string
    {
        $languages = $GLOBALS['LANG'] ?? null;
        $text = $languages instanceof LanguageService ? $languages->sL(self::path($key)) : '';
        return $arguments === [] ? $text : vsprintf($text, $arguments);
    }
}
