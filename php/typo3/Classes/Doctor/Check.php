<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Doctor;

use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Symfony\Component\DependencyInjection\Attribute\AutoconfigureTag;

/**
 * One room of the installation that the doctor looks into. It changes nothing and sends nothing.
 *
 * @internal
 */
#[AutoconfigureTag(self::TAG)]
interface Check
{
    public const TAG = 'nr_secure_outbound.check';

    /**
     * @return list<Finding> nothing secret; what is in order is among them
     */
    public function findings(): array;
}
