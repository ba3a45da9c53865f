<?php

declare(strict_types=1);

use Netresearch\NrSecureOutbound\Backend\Controller\AuditController;
use Netresearch\NrSecureOutbound\Backend\Controller\CredentialSetsController;
use Netresearch\NrSecureOutbound\Backend\Controller\FindingsController;
use Netresearch\NrSecureOutbound\Backend\Controller\ServiceController;
use Netresearch\NrSecureOutbound\Backend\Controller\ServicesController;
use Netresearch\NrSecureOutbound\Backend\Controller\WizardController;
use Netresearch\NrSecureOutbound\Backend\Labels;
use Netresearch\NrSecureOutbound\Backend\ModulePage;

return [
    ModulePage::ROUTE => [
        'parent' => 'tools',
        'access' => 'user',
        'workspaces' => 'live',
        'path' => '/module/tools/outbound',
        'iconIdentifier' => 'nr-secure-outbound',
        'labels' => [
            'title' => Labels::path('module'),
            'shortDescription' => Labels::path('module.short'),
            'description' => Labels::path('module.description'),
        ],
        'routes' => [
            '_default' => ['target' => ServicesController::class . '::list'],
            'service' => ['target' => ServiceController::class . '::show'],
            'credentials' => ['target' => CredentialSetsController::class . '::list'],
            'audit' => ['target' => AuditController::class . '::list'],
            'export' => ['target' => AuditController::class . '::export', 'methods' => ['GET']],
            'findings' => ['target' => FindingsController::class . '::list'],
            'wizard' => ['target' => WizardController::class . '::show'],
        ],
    ],
];
