<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Keys;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * The keys of one configuration. Files and variables are read each time keys are needed, so that a changed or removed key has
 * effect at once, and no key stays in memory between two calls.
 *
 * @internal
 */
final readonly class Keyring
{
    /**
     * @param list<KeySource> $sources
     */
    private function __construct(private array $sources)
    {
    }

    /**
     * A source without a key now may have one later, so this is only a warning, unless the configuration contains the key itself.
     *
     * An entry is one of `master_keys` in the configuration, or has a closure as `material` that returns the rest of it.
     * Unlike the library, PHP knows no id from an earlier call, so an id alone is not enough.
     *
     * @param array<mixed> $entries
     * @throws OutboundException configuration.invalid, credential.key_unavailable
     */
    public static function open(#[\SensitiveParameter] array $entries): self
    {
        if (!array_is_list($entries)) {
            throw self::invalid('master_keys is not a list');
        }
        // No array_map(): the trace of an exception would show the entries as its arguments.
        $parsed = [];
        foreach ($entries as $entry) {
            $parsed[] = KeyEntry::parse($entry);
        }
        $ids = [];
        $sources = [];
        foreach ($parsed as $index => $entry) {
            if ($entry->id !== null && in_array($entry->id, $ids, true)) {
                throw self::invalid('master_keys[' . $index . ']: an earlier key has the same id');
            }
            $ids[] = $entry->id;
            $sources[] = $entry->source ?? throw OutboundException::create(
                'credential.key_unavailable',
                'master_keys[' . $index . ']: the id is not known to this process, and the entry has no provider',
            );
            self::check($entry->source, $index);
        }
        return new self($sources);
    }

    /**
     * The keys in the order of the configuration, of 32 bytes each. The caller has to wipe them.
     *
     * @return list<Secret>
     */
    public function keys(): array
    {
        $loaded = array_map(static fn (KeySource $source): Secret|KeyProblem => $source->load(), $this->sources);
        return array_values(array_filter($loaded, static fn (Secret|KeyProblem $key): bool => $key instanceof Secret));
    }

    /**
     * Current problems of the sources, for an administrator.
     *
     * @return list<array{code: string, message: string}>
     */
    public function warnings(): array
    {
        $warnings = [];
        foreach ($this->sources as $index => $source) {
            foreach ($source->warnings() as ['code' => $code, 'message' => $text]) {
                $warnings[] = ['code' => $code, 'message' => 'master_keys[' . $index . ']: ' . $text];
            }
        }
        return $warnings;
    }

    /** A key in the configuration itself cannot become valid later, so a fault in it is an error at once. */
    private static function check(#[\SensitiveParameter] KeySource $source, int $index): void
    {
        if ($source->isExternal()) {
            return;
        }
        $loaded = $source->load();
        if ($loaded instanceof KeyProblem) {
            throw self::invalid('master_keys[' . $index . ']: ' . $loaded->value);
        }
        $loaded->wipe();
    }

    private static function invalid(string $message): OutboundException
    {
        return OutboundException::create('configuration.invalid', $message);
    }
}
