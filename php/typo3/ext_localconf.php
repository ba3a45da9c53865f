<?php

declare(strict_types=1);

use Netresearch\NrSecureOutbound\Form\ProblemInformation;

defined('TYPO3') || die();

$GLOBALS['TYPO3_CONF_VARS']['SYS']['formEngine']['nodeRegistry'][1795910400] = [
    'nodeName' => 'outboundProblems',
    'priority' => 40,
    'class' => ProblemInformation::class,
];
