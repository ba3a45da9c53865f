<?php

declare(strict_types=1);

use Netresearch\NrSecureOutbound\Form\Columns;

defined('TYPO3') || die();

return (static function (): array {
    $columns = new Columns('tx_nrvault_credential_set');
    $isPlain = 'FIELD:type:=:secret';

    return [
        'ctrl' => $columns->ctrl('type', 'nr-secure-outbound-credential-set', 'identifier,description'),
        'columns' => $columns->ofRecord() + [
            'identifier' => $columns->identifier(),
            'secret_uid' => $columns->column('secret_uid', [
                'type' => 'group',
                'allowed' => 'tx_nrvault_secret',
                'relationship' => 'manyToOne',
                'size' => 1,
                'maxitems' => 1,
                'minitems' => 1,
                'default' => 0,
            ]),
            'type' => $columns->words('type', [
                'secret', 'bearer', 'api_key', 'basic', 'oauth2_client_credentials', 'oauth2_jwt_bearer',
                'oauth2_refresh_token', 'jwt', 'aws_sigv4', 'hmac', 'mtls',
            ]) + ['onChange' => 'reload'],
            'placement' => $columns->words('placement', [
                'bearer', 'header', 'api_key', 'basic', 'basic_username', 'basic_password', 'query', 'body_field',
            ]) + ['onChange' => 'reload', 'displayCond' => $isPlain],
            'placement_name' => $columns->column('placement_name', [
                'type' => 'input',
                'size' => 30,
                'max' => 255,
                'eval' => 'trim',
            ]) + ['displayCond' => ['AND' => [$isPlain, 'FIELD:placement:IN:header,query,body_field']]],
            'placement_prefix' => $columns->column('placement_prefix', [
                'type' => 'input',
                'size' => 30,
                'max' => 255,
            ]) + ['displayCond' => ['AND' => [$isPlain, 'FIELD:placement:=:header']]],
            'service' => $columns->column('service', [
                'type' => 'input',
                'size' => 20,
                'max' => 64,
                'eval' => 'trim',
                'placeholder' => 's3',
            ]) + ['displayCond' => 'FIELD:type:=:aws_sigv4'],
        ],
        'palettes' => [
            'placement' => ['showitem' => 'placement, placement_name, placement_prefix'],
        ],
        'types' => [
            '0' => ['showitem' => 'identifier, secret_uid, type, --palette--;;placement, service, hidden, description'],
        ],
    ];
})();
