<?php

declare(strict_types=1);

use Netresearch\NrVault\Outbound\Audit\AuditRetention;
use TYPO3\CMS\Core\Information\Typo3Version;
use TYPO3\CMS\Core\Utility\ExtensionManagementUtility;
use TYPO3\CMS\Scheduler\Task\TableGarbageCollectionTask;

defined('TYPO3') || die();

// From version 14 on, tasks are configured in TCA; for earlier versions ext_localconf.php does it.
if (ExtensionManagementUtility::isLoaded('scheduler') && (new Typo3Version())->getMajorVersion() >= 14) {
    $tables = ['tx_nrvault_outbound_audit' => ['dateField' => 'crdate', 'expirePeriod' => AuditRetention::DAYS]];
    $GLOBALS['TCA'] = array_replace_recursive((array) $GLOBALS['TCA'], [
        'tx_scheduler_task' => ['types' => [TableGarbageCollectionTask::class => ['taskOptions' => ['tables' => $tables]]]],
    ]);
}
