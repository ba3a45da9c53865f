<?php

declare(strict_types=1);

use Netresearch\NrSecureOutboundCalling\BackendCall;

return [
    'outbound_test' => ['path' => '/outbound-test', 'target' => BackendCall::class . '::call'],
];
