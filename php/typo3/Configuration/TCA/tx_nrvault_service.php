<?php

declare(strict_types=1);

use Netresearch\NrSecureOutbound\Form\Columns;
use Netresearch\NrSecureOutbound\Form\MethodItems;
use Netresearch\NrSecureOutbound\Form\UserItems;
use Netresearch\NrVault\Transport\PolicyForm;

defined('TYPO3') || die();

return (static function (): array {
    $columns = new Columns('tx_nrvault_service');
    $label = Columns::label(...);

    return [
        'ctrl' => $columns->ctrl('base_url', 'nr-secure-outbound-service', 'identifier,base_url,description'),
        'columns' => $columns->ofRecord() + [
            'identifier' => $columns->identifier(),
            'base_url' => $columns->column('base_url', [
                'type' => 'input',
                'size' => 50,
                'max' => 2048,
                'required' => true,
                'eval' => 'trim',
                'placeholder' => 'https://api.example.com/v1',
            ]),
            'allowed_methods' => $columns->column('allowed_methods', [
                'type' => 'select',
                'renderType' => 'selectCheckBox',
                'itemsProcFunc' => MethodItems::class . '->add',
                'minitems' => 1,
            ]),
            'allowed_paths' => $columns->lines('allowed_paths', 5, "/v1/customers/{id}/notes\n/v1/charges/**", true),
            'allowed_hosts' => $columns->lines('allowed_hosts', 3, 'api.example.com', true),
            'allow_http' => $columns->toggle('allow_http'),
            'allow_encoded_slash' => $columns->toggle('allow_encoded_slash'),
            'max_redirects' => $columns->number('max_redirects', 0),
            'max_attempts' => $columns->number('max_attempts', 1, 10),
            'timeout_ms' => $columns->optionalNumber('timeout_ms', 1),
            'idle_timeout_ms' => $columns->optionalNumber('idle_timeout_ms', 1),
            'request_bytes' => $columns->optionalNumber('request_bytes', 0),
            'response_bytes' => $columns->optionalNumber('response_bytes', 0),
            'http_versions' => $columns->column('http_versions', [
                'type' => 'select',
                'renderType' => 'selectCheckBox',
                'default' => '',
                'items' => array_map(
                    static fn (string $version): array => ['label' => 'HTTP/' . $version, 'value' => $version],
                    PolicyForm::HTTP_VERSIONS,
                ),
            ]),
            'http3' => $columns->words('http3', ['none', ...PolicyForm::HTTP3]),
            'breaker_failures' => $columns->optionalNumber('breaker_failures', 1),
            'breaker_open_ms' => $columns->optionalNumber('breaker_open_ms', 1),
            'credential_sets' => $columns->column('credential_sets', [
                'type' => 'select',
                'renderType' => 'selectMultipleSideBySide',
                'foreign_table' => 'tx_nrvault_credential_set',
                'MM' => 'tx_nrvault_service_credential_set_mm',
                'size' => 3,
                'autoSizeMax' => 8,
                'fieldControl' => [
                    'editPopup' => ['disabled' => false],
                    'addRecord' => ['disabled' => false],
                ],
            ]),
            'alternatives' => $columns->lines('alternatives', 2, ':fx https://api-free.example.com/v2'),
            'technical_user' => $columns->column('technical_user', [
                'type' => 'select',
                'renderType' => 'selectSingle',
                'foreign_table' => 'be_users',
                'foreign_table_where' => 'AND {#be_users}.{#admin} = 0',
                'items' => [['label' => '', 'value' => 0]],
                'itemsProcFunc' => UserItems::class . '->reduce',
                'default' => 0,
            ]),
            'headers' => $columns->lines('headers', 3, 'Accept: application/json'),
            'placeholder_headers' => $columns->lines('placeholder_headers', 2, 'X-API-Key'),
            'idempotency_header' => $columns->column('idempotency_header', [
                'type' => 'input',
                'size' => 30,
                'max' => 255,
                'eval' => 'trim',
                'placeholder' => 'Idempotency-Key',
            ]),
            'transport' => $columns->words('transport', ['auto', 'rust', 'php']),
            'audit' => $columns->words('audit', ['standard', 'required']),
            'audit_sample' => $columns->number('audit_sample', 1, 1000000),
            'test_method' => $columns->column('test_method', [
                'type' => 'select',
                'renderType' => 'selectSingle',
                'default' => '',
                'items' => [
                    ['label' => $label('tx_nrvault_service.test_method.none'), 'value' => ''],
                    ['label' => 'GET', 'value' => 'GET'],
                    ['label' => 'HEAD', 'value' => 'HEAD'],
                    ['label' => 'OPTIONS', 'value' => 'OPTIONS'],
                    ['label' => 'POST', 'value' => 'POST'],
                ],
            ]),
            'test_path' => $columns->column('test_path', [
                'type' => 'input',
                'size' => 50,
                'max' => 1024,
                'eval' => 'trim',
                'placeholder' => '/status',
            ]),
        ],
        'palettes' => [
            'switches' => ['showitem' => 'allow_http, allow_encoded_slash'],
            'limits' => ['showitem' => 'timeout_ms, idle_timeout_ms, request_bytes, response_bytes', 'label' => $label('palette.limits')],
            'repeats' => ['showitem' => 'max_redirects, max_attempts', 'label' => $label('palette.repeats')],
            'breaker' => ['showitem' => 'breaker_failures, breaker_open_ms', 'label' => $label('palette.breaker')],
            'http' => ['showitem' => 'http_versions, http3', 'label' => $label('palette.http')],
            'records' => ['showitem' => 'audit, audit_sample', 'label' => $label('palette.records')],
            'test' => ['showitem' => 'test_method, test_path', 'label' => $label('palette.test')],
        ],
        'types' => [
            '0' => [
                'showitem' => implode(',', [
                    '--div--;' . $label('tab.service'),
                    'identifier, base_url, credential_sets, alternatives, technical_user, transport, hidden, description',
                    '--div--;' . $label('tab.policy'),
                    'allowed_methods, allowed_paths, allowed_hosts, --palette--;;switches, --palette--;;limits',
                    '--palette--;;repeats, --palette--;;breaker, --palette--;;http',
                    '--div--;' . $label('tab.headers'),
                    'headers, placeholder_headers, idempotency_header',
                    '--div--;' . $label('tab.records'),
                    '--palette--;;records, --palette--;;test',
                ]),
            ],
        ],
    ];
})();
