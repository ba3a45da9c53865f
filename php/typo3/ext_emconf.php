<?php

$EM_CONF[$_EXTKEY] = [
    'title' => 'Secure Outbound',
    'description' => 'Calls external APIs with secrets of nr-vault that PHP never sees in the clear. Installed by Composer only.',
    'category' => 'services',
    'state' => 'beta',
    'version' => '0.1.0',
    'constraints' => [
        'depends' => [
            'php' => '8.2.0-8.4.99',
            'typo3' => '13.4.0-14.3.99',
            'nr_vault' => '0.5.0-1.99.99',
        ],
    ],
];
