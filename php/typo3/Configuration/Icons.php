<?php

declare(strict_types=1);

use TYPO3\CMS\Core\Imaging\IconProvider\SvgIconProvider;

$icon = static fn (string $name): array => [
    'provider' => SvgIconProvider::class,
    'source' => 'EXT:nr_secure_outbound/Resources/Public/Icons/' . $name . '.svg',
];

return [
    'nr-secure-outbound' => $icon('Extension'),
    'nr-secure-outbound-service' => $icon('Service'),
    'nr-secure-outbound-credential-set' => $icon('CredentialSet'),
];
