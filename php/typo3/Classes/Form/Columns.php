<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Form;

use TYPO3\CMS\Core\Information\Typo3Version;

/**
 * What the columns of the extension's tables have in common, for their TCA.
 *
 * @internal
 */
final readonly class Columns
{
    public function __construct(private string $table)
    {
    }

    public static function label(string $key): string
    {
        return 'LLL:EXT:nr_secure_outbound/Resources/Private/Language/tca.xlf:' . $key;
    }

    /**
     * A column with label and help, which shows problems of the stored record.
     *
     * @param array<string, mixed> $config
     * @return array<string, mixed>
     */
    public function column(string $name, array $config): array
    {
        return [
            'label' => self::label("$this->table.$name"),
            'description' => self::label("$this->table.$name.description"),
            'config' => $config + ['fieldInformation' => ['outboundProblems' => ['renderType' => 'outboundProblems']]],
        ];
    }

    /**
     * A select field for one of several values.
     *
     * @param non-empty-list<string> $values the first is the default
     * @return array<string, mixed>
     */
    public function words(string $name, array $values): array
    {
        $items = [];
        foreach ($values as $value) {
            $items[] = ['label' => self::label("$this->table.$name.$value"), 'value' => $value];
        }
        return $this->column($name, [
            'type' => 'select',
            'renderType' => 'selectSingle',
            'default' => $values[0],
            'items' => $items,
        ]);
    }

    /**
     * A list with an entry on each line.
     *
     * @return array<string, mixed>
     */
    public function lines(string $name, int $rows, string $placeholder, bool $isOptional = false): array
    {
        return $this->column($name, [
            'type' => 'text',
            'cols' => 50,
            'rows' => $rows,
            'fixedFont' => true,
            'wrap' => 'off',
            'placeholder' => $placeholder,
        ] + ($isOptional ? ['nullable' => true, 'default' => null] : []));
    }

    /**
     * A number that need not be set.
     *
     * @return array<string, mixed>
     */
    public function optionalNumber(string $name, int $least): array
    {
        return $this->column($name, [
            'type' => 'number',
            'size' => 15,
            'nullable' => true,
            'default' => null,
            'range' => ['lower' => $least],
        ]);
    }

    /**
     * @return array<string, mixed>
     */
    public function number(string $name, int $least, ?int $most = null): array
    {
        return $this->column($name, [
            'type' => 'number',
            'size' => 7,
            'default' => $least,
            'range' => ['lower' => $least] + ($most === null ? [] : ['upper' => $most]),
        ]);
    }

    /**
     * The id by which code, files and audit records refer to the record.
     *
     * @return array<string, mixed>
     */
    public function identifier(): array
    {
        return $this->column('identifier', [
            'type' => 'input',
            'size' => 30,
            'max' => 64,
            'required' => true,
            'eval' => 'trim,unique',
            'placeholder' => 'my-api',
        ]);
    }

    /**
     * @return array<string, mixed>
     */
    public function toggle(string $name): array
    {
        return $this->column($name, ['type' => 'check', 'renderType' => 'checkboxToggle', 'default' => 0]);
    }

    /**
     * The columns that every table has: the switch that disables a record, and its notes.
     *
     * @return array<string, array<string, mixed>>
     */
    public function ofRecord(): array
    {
        return [
            'hidden' => [
                'label' => 'LLL:EXT:core/Resources/Private/Language/locallang_general.xlf:LGL.enabled',
                'config' => [
                    'type' => 'check',
                    'renderType' => 'checkboxToggle',
                    'default' => 0,
                    'items' => [['label' => '', 'invertStateDisplay' => true]],
                ],
            ],
            'description' => [
                'label' => self::label("$this->table.description"),
                'config' => ['type' => 'text', 'cols' => 50, 'rows' => 3],
            ],
        ];
    }

    /**
     * A row decides where a secret goes. Therefore only administrators may edit it, it is stored outside of every page, and it
     * has neither workspace versions nor translations.
     *
     * @return array<string, mixed>
     */
    public function ctrl(string $secondLabel, string $icon, string $searched): array
    {
        $ctrl = [
            'title' => self::label($this->table),
            'label' => 'identifier',
            'label_alt' => $secondLabel,
            'label_alt_force' => true,
            'descriptionColumn' => 'description',
            'default_sortby' => 'identifier',
            'tstamp' => 'tstamp',
            'crdate' => 'crdate',
            'delete' => 'deleted',
            'enablecolumns' => ['disabled' => 'hidden'],
            'rootLevel' => 1,
            'adminOnly' => true,
            'hideAtCopy' => true,
            'versioningWS' => false,
            'typeicon_classes' => ['default' => $icon],
        ];
        // From version 14 on, each column has a setting whether it is searched, and text columns are by default.
        return (new Typo3Version())->getMajorVersion() < 14 ? $ctrl + ['searchFields' => $searched] : $ctrl;
    }
}
