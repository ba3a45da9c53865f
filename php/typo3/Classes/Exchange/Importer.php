<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Exchange;

use Netresearch\NrSecureOutbound\Registry\Cell;
use Netresearch\NrSecureOutbound\Registry\CredentialSetRow;
use Netresearch\NrSecureOutbound\Registry\ServiceRow;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use TYPO3\CMS\Core\DataHandling\DataHandler;
use TYPO3\CMS\Core\Utility\GeneralUtility;

/**
 * Changes the stored services to what a file says. If the secret or the user of a service does not exist, or a record cannot
 * express the service, it is not changed and the plan names it.
 *
 * @internal
 */
final readonly class Importer
{
    public function __construct(private StoredEntries $stored, private Known $known)
    {
    }

    /**
     * @param array<string, array<string, mixed>> $entries portable, by id
     * @param bool $prune whether services that the file lacks are to be disabled
     * @throws UsageError if the file contradicts itself
     */
    public function plan(array $entries, bool $prune): ImportPlan
    {
        $storedSets = $this->stored->sets();
        $names = new SetNames(array_map(static fn (array $rows): array => self::described($rows[0]), $storedSets));
        $entries = $names->complete($entries);
        $sets = $names->sets();
        $secrets = $this->known->secrets(array_values(array_map(static fn (array $set): string => Cell::text($set, 'identifier'), $sets)));
        $users = $this->known->users(array_values(array_map(
            static fn (array $entry): string => Cell::text($entry, 'technical_user'),
            $entries,
        )));

        $plan = new ImportPlan();
        $rows = $this->stored->services();
        $needed = [];
        foreach ($entries as $id => $entry) {
            $own = array_map(static fn (array $credential): string => Cell::text($credential, 'set'), SetNames::credentials($entry));
            if ($this->isReady($plan, $id, $entry, $own, $sets, $secrets, $users, $rows[$id] ?? [], $storedSets)) {
                $this->service($plan, $id, $entry, $own, $users, $rows[$id][0] ?? null, $storedSets);
                array_push($needed, ...$own);
            }
        }
        foreach (array_unique($needed) as $id) {
            self::set($plan, $id, $sets[$id], $secrets, $storedSets[$id][0] ?? null);
        }
        foreach ($prune ? array_diff_key($rows, $entries) : [] as $id => $ofId) {
            foreach ($ofId as $row) {
                if (!$row->isHidden()) {
                    $plan->differences[] = new Difference(Difference::SERVICE, $id, 'hidden', false, true);
                    $plan->services[ServiceRows::TABLE][$row->uid()] = ['hidden' => 1];
                }
            }
        }
        return $plan;
    }

    /**
     * Writes as the user who is logged in, with history and hooks.
     *
     * @return list<string> what DataHandler refused
     */
    public function apply(ImportPlan $plan): array
    {
        $handler = GeneralUtility::makeInstance(DataHandler::class);
        // Sets first: services refer to new ones.
        $handler->start($plan->sets + $plan->services, []);
        $handler->process_datamap();
        return array_values(array_filter($handler->errorLog, is_string(...)));
    }

    /**
     * Whether the service can be what the entry says.
     *
     * @param array<string, mixed> $entry
     * @param list<string> $own its sets
     * @param array<string, array<string, mixed>> $sets
     * @param array<string, array<string, mixed>> $secrets
     * @param array<string, array<string, mixed>> $users
     * @param list<ServiceRow> $rows that have its id
     * @param array<string, non-empty-list<CredentialSetRow>> $storedSets
     */
    private function isReady(
        ImportPlan $plan,
        string $id,
        array $entry,
        array $own,
        array $sets,
        array $secrets,
        array $users,
        array $rows,
        array $storedSets,
    ): bool {
        $missing = [];
        foreach ($own as $set) {
            $identifier = Cell::text($sets[$set], 'identifier');
            if (!isset($secrets[$identifier])) {
                $missing[] = ['service' => $id, 'kind' => 'secret', 'name' => $identifier];
            }
        }
        $user = Cell::text($entry, 'technical_user');
        if ($user !== '' && !isset($users[$user])) {
            $missing[] = ['service' => $id, 'kind' => 'user', 'name' => $user];
        }
        if ($missing !== []) {
            array_push($plan->missing, ...$missing);
            return false;
        }
        $twice = array_filter($own, static fn (string $set): bool => count($storedSets[$set] ?? []) > 1);
        $problems = match (true) {
            count($rows) > 1 => ['several records have this id: rename or delete all but one'],
            $twice !== [] => ['several credential sets have the id ' . implode(', ', $twice) . ': rename or delete all but one'],
            default => $this->faults($id, $entry, $own, $sets, $secrets, $users[$user] ?? null),
        };
        foreach ($problems as $problem) {
            $plan->refused[] = ['service' => $id, 'message' => $problem];
        }
        return $problems === [];
    }

    /**
     * Problems that the reader of records would find in the service, and values that a record cannot store.
     *
     * @param array<string, mixed> $entry
     * @param list<string> $own
     * @param array<string, array<string, mixed>> $sets
     * @param array<string, array<string, mixed>> $secrets
     * @param array<string, mixed>|null $user
     * @return list<string>
     */
    private function faults(string $id, array $entry, array $own, array $sets, array $secrets, ?array $user): array
    {
        $rows = array_map(static fn (string $set): CredentialSetRow => new CredentialSetRow(
            ['uid' => 1, 'deleted' => 0, 'hidden' => 0] + RowColumns::ofSet($set, $sets[$set]),
            $secrets[Cell::text($sets[$set], 'identifier')],
        ), $own);
        $fields = ['uid' => 1, 'hidden' => 0, 'technical_user' => $user['uid'] ?? 0] + RowColumns::ofService($id, $entry);
        $row = new ServiceRow($fields, $rows, $user);
        $problems = $this->stored->problems($row);
        if ($problems !== []) {
            return $problems;
        }
        return array_map(
            static fn (Difference $lost): string => "$lost->field cannot be kept in a record as it is",
            Difference::between(Difference::SERVICE, $id, $entry, $this->stored->entry($row)),
        );
    }

    /**
     * @param array<string, mixed> $entry
     * @param list<string> $own
     * @param array<string, array<string, mixed>> $users
     * @param array<string, non-empty-list<CredentialSetRow>> $storedSets
     */
    private function service(
        ImportPlan $plan,
        string $id,
        array $entry,
        array $own,
        array $users,
        ?ServiceRow $row,
        array $storedSets,
    ): void {
        // Only the names of the sets are compared here; a change in a set is a change of its own record.
        $now = ['credentials' => $own] + $entry;
        $was = $row === null ? [] : [
            'credentials' => array_map(static fn (CredentialSetRow $set): string => $set->id(), $row->sets),
        ] + $this->stored->entry($row) + ($row->isHidden() ? ['hidden' => true] : []);
        $differences = Difference::between(Difference::SERVICE, $id, $was, $now);
        if ($differences === []) {
            return;
        }
        array_push($plan->differences, ...$differences);
        $plan->services[ServiceRows::TABLE][$row?->uid() ?? self::placeholder(ServiceRows::TABLE, $id)] = RowColumns::ofService($id, $entry) + [
            'pid' => 0,
            'hidden' => 0,
            'technical_user' => $users[Cell::text($entry, 'technical_user')]['uid'] ?? 0,
            'credential_sets' => implode(',', array_map(
                static fn (string $set): int|string => isset($storedSets[$set])
                    ? Cell::integer($storedSets[$set][0]->fields, 'uid')
                    : self::placeholder(ServiceRows::SETS, $set),
                $own,
            )),
        ];
    }

    /**
     * @param array<string, mixed> $set
     * @param array<string, array<string, mixed>> $secrets
     */
    private static function set(ImportPlan $plan, string $id, array $set, array $secrets, ?CredentialSetRow $row): void
    {
        $isHidden = $row !== null && Cell::integer($row->fields, 'hidden') !== 0;
        $was = $row === null ? [] : self::described($row) + ($isHidden ? ['hidden' => true] : []);
        $differences = Difference::between(Difference::SET, $id, $was, $set);
        if ($differences === []) {
            return;
        }
        array_push($plan->differences, ...$differences);
        $uid = $row === null ? self::placeholder(ServiceRows::SETS, $id) : Cell::integer($row->fields, 'uid');
        $plan->sets[ServiceRows::SETS][$uid] = RowColumns::ofSet($id, $set) + [
            'pid' => 0,
            'hidden' => 0,
            'secret_uid' => Cell::integer($secrets[Cell::text($set, 'identifier')], 'uid'),
        ];
    }

    /** DataHandler's placeholder for the uid of a new record. It takes the part before an underscore for the name of a table. */
    private static function placeholder(string $table, string $id): string
    {
        return 'NEW' . md5("$table $id");
    }

    /**
     * @return array<string, mixed> without its id
     */
    private static function described(CredentialSetRow $set): array
    {
        return array_diff_key(StoredEntries::set($set), ['set' => 0]);
    }
}
