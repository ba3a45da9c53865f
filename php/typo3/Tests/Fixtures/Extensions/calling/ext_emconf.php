<?php

$EM_CONF[$_EXTKEY] = [
    'title' => 'Calling',
    'version' => '0.1.0',
    'constraints' => ['depends' => ['nr_secure_outbound' => '']],
];
