<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Netresearch\NrVault\Security\TechnicalActorContextInterface;
use TYPO3\CMS\Core\Authentication\BackendUserAuthentication;
use TYPO3\CMS\Core\Utility\GeneralUtility;

/**
 * Stands in for the technical users of nr-vault 1.0 in an older one, which judges every read by the user who is logged in.
 */
final class TechnicalActors implements TechnicalActorContextInterface
{
    public function runAs(int $beUserUid, callable $fn): mixed
    {
        $before = $GLOBALS['BE_USER'] ?? null;
        $user = GeneralUtility::makeInstance(BackendUserAuthentication::class);
        $user->setBeUserByUid($beUserUid);
        $user->fetchGroupData();
        $GLOBALS['BE_USER'] = $user;
        try {
            return $fn();
        } finally {
            $GLOBALS['BE_USER'] = $before;
        }
    }
}
