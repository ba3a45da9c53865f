<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Keys;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\KeyMaterial;
use Netresearch\NrVault\Transport\Text\Names;

/**
 * One entry of `master_keys`: an id, a source, or both. Unknown keys and keys of another provider are refused.
 *
 * @internal
 */
final readonly class KeyEntry
{
    /** Provider => the key that it needs. */
    private const PROVIDERS = [
        'file' => 'path',
        'env' => 'name',
        'typo3' => 'encryption_key',
        'raw' => 'key_base64',
    ];

    private function __construct(public ?string $id, public ?KeySource $source)
    {
    }

    /**
     * @throws OutboundException configuration.invalid, internal.part_failed
     */
    public static function parse(#[\SensitiveParameter] mixed $entry): self
    {
        if (!is_array($entry)) {
            throw self::invalid('a master key is not an object');
        }
        $material = $entry['material'] ?? null;
        if ($material instanceof \Closure) {
            unset($entry['material']);
            $entry += KeyMaterial::of($material);
        }
        $known = ['id', 'provider', ...array_values(self::PROVIDERS)];
        $unknown = Names::unknown('a master key', $entry, $known);
        if ($unknown !== null) {
            throw self::invalid($unknown);
        }
        $texts = [];
        foreach ($entry as $name => $value) {
            // As in the document, null counts as absent.
            if ($value === null) {
                continue;
            }
            if (!is_string($value)) {
                throw self::invalid('a value of a master key has the wrong type');
            }
            if (preg_match('//u', $value) !== 1) {
                throw self::invalid('the configuration holds text that is not UTF-8');
            }
            $texts[(string) $name] = $value;
        }
        $id = $texts['id'] ?? null;
        if ($id === '') {
            throw self::invalid("a master key's id is empty");
        }
        unset($texts['id']);
        return new self($id, $texts === [] && $id !== null ? null : self::source($texts));
    }

    /**
     * @param array<string, string> $entry
     */
    private static function source(#[\SensitiveParameter] array $entry): KeySource
    {
        $provider = $entry['provider'] ?? '';
        $value = count($entry) === 2 ? $entry[self::PROVIDERS[$provider] ?? ''] ?? null : null;
        // PHP and the system allow no other names of variables.
        $isVariable = $provider !== 'env' || preg_match('/\A[^=\0]+\z/', $value ?? '') === 1;
        $source = $value === null || !$isVariable ? null : match ($provider) {
            'file' => KeySource::file($value),
            'env' => KeySource::env($value),
            'typo3' => KeySource::typo3($value),
            'raw' => KeySource::raw($value),
            default => null,
        };
        return $source ?? throw self::invalid(
            "a master key's provider is unknown, or what it needs is missing or belongs to another",
        );
    }

    private static function invalid(string $message): OutboundException
    {
        return OutboundException::create('configuration.invalid', $message);
    }
}
