<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Report;

use Netresearch\NrSecureOutbound\Doctor\Doctor;
use Netresearch\NrVault\Configuration\SecurityProfile;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding as OutboundFinding;
use Netresearch\NrVault\Service\Doctor\DoctorContext;
use Netresearch\NrVault\Service\Doctor\Finding;
use Netresearch\NrVault\Service\Doctor\ReadinessCheckInterface;

/**
 * The doctor's findings in the output of `vault:doctor`, which nr-vault has from 1.0 on. DependencyInjection\Reports defines it
 * if nr-vault has the command.
 *
 * @internal
 */
final readonly class VaultReadiness implements ReadinessCheckInterface
{
    private const ID = 'outbound';

    public function __construct(private Doctor $doctor)
    {
    }

    public function getId(): string
    {
        return self::ID;
    }

    /** A problem with calls is a problem in every profile. */
    public function appliesTo(SecurityProfile $profile): bool
    {
        return true;
    }

    public function run(DoctorContext $context): array
    {
        return array_map(self::translated(...), $this->doctor->findings());
    }

    private static function translated(OutboundFinding $finding): Finding
    {
        $id = self::ID . '.' . strtr($finding->code, '.', '_');
        return match ($finding->verdict) {
            OutboundFinding::CRITICAL => Finding::critical(
                $id,
                $finding->message,
                'Calls fail, or a secret is seen by somebody whom it is not for.',
                $finding->remedy,
            ),
            OutboundFinding::WARNING => Finding::warning($id, $finding->message, 'Calls are less safe than they could be, or will fail.', $finding->remedy),
            default => Finding::pass($id, $finding->message),
        };
    }
}
