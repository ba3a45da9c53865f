<?php

declare(strict_types=1);

use Netresearch\NrSecureOutboundCalling\CallMiddleware;

return [
    'frontend' => [
        'netresearch/nr-secure-outbound-calling' => [
            'target' => CallMiddleware::class,
            'after' => ['typo3/cms-frontend/backend-user-authentication'],
            'before' => ['typo3/cms-frontend/page-resolver'],
        ],
    ],
];
