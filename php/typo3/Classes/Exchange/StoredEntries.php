<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Exchange;

use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\CredentialSetReader;
use Netresearch\NrSecureOutbound\Registry\CredentialSetRow;
use Netresearch\NrSecureOutbound\Registry\RowReader;
use Netresearch\NrSecureOutbound\Registry\ServiceRow;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;

/**
 * The stored services and credential sets as entries of the JSON registry.
 *
 * @internal
 */
final readonly class StoredEntries
{
    public function __construct(private ServiceRows $rows, private RowReader $reader)
    {
    }

    /**
     * @return array<string, non-empty-list<ServiceRow>> by id, hidden ones among them
     */
    public function services(): array
    {
        $services = [];
        foreach ($this->rows->all() as $row) {
            $services[$row->id()][] = $row;
        }
        return $services;
    }

    /**
     * @return array<string, non-empty-list<CredentialSetRow>> by id, hidden ones among them
     */
    public function sets(): array
    {
        $sets = [];
        foreach ($this->rows->credentialSets() as $row) {
            $sets[$row->id()][] = $row;
        }
        return $sets;
    }

    /**
     * A row as a portable entry, with those credentials that are valid.
     *
     * @return array<string, mixed>
     */
    public function entry(ServiceRow $row): array
    {
        $entry = $this->reader->read($row)->entry;
        unset($entry['technical_user']);
        $user = Cell::text($row->technicalUser ?? [], 'username');
        return PortableEntry::of($entry + ($user === '' ? [] : ['technical_user' => $user]));
    }

    /**
     * Why a row cannot be written as such an entry.
     *
     * @return list<string>
     */
    public function problems(ServiceRow $row): array
    {
        $problems = [];
        foreach ($this->reader->read($row)->problems as $problem) {
            if ($problem->field !== 'hidden') {
                $problems[] = ltrim("$problem->field ") . $problem->message;
            }
        }
        return $problems;
    }

    /**
     * A set as part of a portable entry.
     *
     * @return array<string, mixed>
     */
    public static function set(CredentialSetRow $set): array
    {
        $entry = CredentialSetReader::entry($set);
        return $entry['identifier'] === '' ? [] : SetNames::credentials(PortableEntry::of(['credentials' => [$entry]]))[0] ?? [];
    }
}
