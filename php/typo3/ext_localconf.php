<?php

declare(strict_types=1);

use Netresearch\NrSecureOutbound\Backend\Right;
use Netresearch\NrSecureOutbound\Configuration\ConfVars;
use Netresearch\NrSecureOutbound\Form\ProblemInformation;
use Netresearch\NrVault\Outbound\Audit\AuditRetention;
use TYPO3\CMS\Core\Information\Typo3Version;
use TYPO3\CMS\Core\Utility\ExtensionManagementUtility;
use TYPO3\CMS\Scheduler\Task\TableGarbageCollectionTask;

defined('TYPO3') || die();

ConfVars::put(
    ['nodeName' => 'outboundProblems', 'priority' => 40, 'class' => ProblemInformation::class],
    ...['SYS', 'formEngine', 'nodeRegistry', 1795910400],
);

ConfVars::put(Right::options(), 'BE', 'customPermOptions', Right::GROUP);

// Until 13; from 14 on, TCA says it.
if (ExtensionManagementUtility::isLoaded('scheduler') && (new Typo3Version())->getMajorVersion() < 14) {
    ConfVars::put(
        ['dateField' => 'crdate', 'expirePeriod' => AuditRetention::DAYS],
        ...['SC_OPTIONS', 'scheduler', 'tasks', TableGarbageCollectionTask::class, 'options', 'tables', 'tx_nrvault_outbound_audit'],
    );
}
