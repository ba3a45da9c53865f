<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Doctor;

use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Symfony\Component\DependencyInjection\Attribute\AutoconfigureTag;

/**
 * One part of the installation that the doctor checks. A check changes nothing and sends nothing.
 *
 * @internal
 */
#[AutoconfigureTag(self::TAG)]
interface Check
{
    public const TAG = 'nr_secure_outbound.check';

    /**
     * @return list<Finding> without anything secret; including what is in order
     */
    public function findings(): array;
}
