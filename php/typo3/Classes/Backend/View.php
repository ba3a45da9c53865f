<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend;

/**
 * The views of the module, as its menu has them.
 *
 * @internal
 */
enum View: string
{
    case Services = 'services';

    public function route(): string
    {
        return match ($this) {
            self::Services => ModulePage::ROUTE,
        };
    }

    public function isOpen(): bool
    {
        return match ($this) {
            self::Services => Right::View->isGranted(),
        };
    }

    public function label(): string
    {
        return Labels::get('view.' . $this->value);
    }
}
