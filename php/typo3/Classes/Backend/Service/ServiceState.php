<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Service;

/**
 * Whether a stored service can be called.
 *
 * @internal
 */
enum ServiceState: string
{
    case Active = 'active';
    case Disabled = 'disabled';
    case Faulty = 'faulty';
    case NotEnabled = 'not_enabled';

    /** TYPO3's name for the colour of its badge. */
    public function severity(): string
    {
        return match ($this) {
            self::Active => 'success',
            self::Disabled => 'default',
            self::Faulty => 'danger',
            self::NotEnabled => 'warning',
        };
    }
}
