<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Exchange;

use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;

/**
 * Gives every credential of a file a credential set: the one that it names, a stored one with the same values, or a new one whose
 * name is made from the identifier of the secret.
 *
 * @internal
 */
final class SetNames
{
    /** @var array<string, array<string, mixed>> what each set of the file is, by id, without its id */
    private array $sets = [];

    /**
     * @param array<string, array<string, mixed>> $stored what each stored set is, by id, without its id
     */
    public function __construct(private readonly array $stored)
    {
    }

    /**
     * The entries with a set in each credential.
     *
     * @param array<string, array<string, mixed>> $entries
     * @return array<string, array<string, mixed>>
     * @throws UsageError if two credentials of one set differ
     */
    public function complete(array $entries): array
    {
        // Credentials with the name of a set come first, so that a new set does not get that name.
        foreach ([true, false] as $isNamed) {
            foreach ($entries as $id => $entry) {
                foreach (self::credentials($entry) as $place => $credential) {
                    if (isset($credential['set']) === $isNamed) {
                        $entries[$id]['credentials'] = array_replace(
                            self::credentials($entries[$id]),
                            [$place => $this->named($credential)],
                        );
                    }
                }
            }
        }
        return $entries;
    }

    /**
     * @return array<string, array<string, mixed>>
     */
    public function sets(): array
    {
        return $this->sets;
    }

    /**
     * @param array<string, mixed> $entry
     * @return list<array<string, mixed>>
     */
    public static function credentials(array $entry): array
    {
        $credentials = [];
        foreach (is_array($entry['credentials'] ?? null) ? $entry['credentials'] : [] as $credential) {
            $known = [];
            foreach (is_array($credential) ? $credential : [] as $key => $value) {
                $known[(string) $key] = $value;
            }
            $credentials[] = $known;
        }
        return $credentials;
    }

    /**
     * @param array<string, mixed> $credential
     * @return array<string, mixed>
     * @throws UsageError
     */
    private function named(array $credential): array
    {
        $set = Cell::text($credential, 'set');
        unset($credential['set']);
        if ($set === '') {
            $same = array_keys(array_filter($this->sets + $this->stored, static fn (array $other): bool => $other === $credential));
            $set = $same[0] ?? $this->free(Cell::text($credential, 'identifier'));
        }
        $this->sets[$set] ??= $credential;
        if ($this->sets[$set] !== $credential) {
            throw new UsageError("The credential set \"$set\" is described in two ways.");
        }
        return ['set' => $set] + $credential;
    }

    private function free(string $identifier): string
    {
        $name = trim((string) preg_replace('/[^a-z0-9._-]+/', '-', strtolower($identifier)), '-._');
        $name = substr(preg_match('/\A[a-z][a-z0-9._-]/', $name) === 1 ? $name : "set-$name", 0, 60);
        $taken = $this->sets + $this->stored;
        $free = $name;
        for ($number = 2; isset($taken[$free]); $number++) {
            $free = "$name-$number";
        }
        return $free;
    }
}
