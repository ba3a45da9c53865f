<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Doctor;

use Netresearch\NrSecureOutbound\Vault\InstalledVault;
use Netresearch\NrSecureOutbound\Vault\VaultState;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;

/**
 * Whether the installed nr-vault is one that this extension knows, and whether its checks of access have gaps.
 *
 * @internal
 */
final readonly class VaultCheck implements Check
{
    public function __construct(private VaultState $state, private InstalledVault $vault)
    {
    }

    public function findings(): array
    {
        if ($this->state->incompatibility !== null) {
            return [Finding::critical(
                'vault.moved',
                $this->state->message() . '; each call is refused',
                'composer update netresearch/nr-secure-outbound   # or back to the nr-vault before',
            )];
        }
        $known = Finding::ok('vault.release', $this->state->message());
        return $this->vault->hasTechnicalUsers() ? [$known] : [$known, $this->gates()];
    }

    /** Gaps of releases before 1.0; GatesTest and CommandTest show each of them. */
    private function gates(): Finding
    {
        return Finding::warning(
            'vault.gates',
            'nr-vault ' . $this->vault->version() . ' lets more through than 1.0 does: a command reads every secret without an '
                . 'owner, scheduler:run every one, both whatever allowCliAccess says; a visitor with the cookie of a backend user reads '
                . "what that user may. A visitor's call needs a secret that is frontend_accessible, and no service can have a "
                . 'technical user.',
            "composer require 'netresearch/nr-vault:^1.1'",
        );
    }
}
