<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend;

use TYPO3\CMS\Core\Authentication\BackendUserAuthentication;

/**
 * What a group may do in the module. Administrators may do all.
 *
 * @internal
 */
enum Right: string
{
    case View = 'view';
    case Explain = 'explain';
    case Test = 'test';
    case Audit = 'audit';
    case Export = 'export';

    /**
     * Key of the rights in $GLOBALS['TYPO3_CONF_VARS']['BE']['customPermOptions'], and the prefix of each right in a group's
     * record.
     */
    public const GROUP = 'nr_secure_outbound';

    /** Whether the user who is logged in has this right. */
    public function isGranted(): bool
    {
        $user = $GLOBALS['BE_USER'] ?? null;
        return $user instanceof BackendUserAuthentication && $user->check('custom_options', self::GROUP . ':' . $this->value);
    }

    public function label(): string
    {
        return Labels::path('right.' . $this->value);
    }

    /**
     * The rights as TYPO3 offers them in the form of a group.
     *
     * @return array{header: string, items: array<string, array{string, string, string}>}
     */
    public static function options(): array
    {
        $items = [];
        foreach (self::cases() as $right) {
            $items[$right->value] = [$right->label(), 'nr-secure-outbound', $right->label() . '.description'];
        }
        return ['header' => Labels::path('module'), 'items' => $items];
    }

    /** Whether the user who is logged in may edit services and credential sets. */
    public static function isAdministrator(): bool
    {
        $user = $GLOBALS['BE_USER'] ?? null;
        return $user instanceof BackendUserAuthentication && $user->isAdmin();
    }
}
