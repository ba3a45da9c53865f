<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend;

/**
 * The views of the module, in the order of its menu.
 *
 * @internal
 */
enum View: string
{
    case Services = 'services';
    case Credentials = 'credentials';
    case Audit = 'audit';
    case Findings = 'findings';
    case Wizard = 'wizard';

    public function route(): string
    {
        return match ($this) {
            self::Services => ModulePage::ROUTE,
            default => ModulePage::ROUTE . '.' . $this->value,
        };
    }

    public function isOpen(): bool
    {
        return match ($this) {
            self::Services, self::Credentials => Right::View->isGranted(),
            self::Audit => Right::Audit->isGranted(),
            self::Findings, self::Wizard => Right::isAdministrator(),
        };
    }

    public function label(): string
    {
        return Labels::get('view.' . $this->value);
    }
}
