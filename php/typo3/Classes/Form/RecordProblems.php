<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Form;

use Netresearch\NrSecureOutbound\Registry\ProblemColumn;
use Netresearch\NrSecureOutbound\Registry\CredentialSetReader;
use Netresearch\NrSecureOutbound\Registry\RowReader;
use Netresearch\NrSecureOutbound\Registry\ServiceRow;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;

/**
 * What is wrong with one stored record, by its columns. It is checked by the same reader as the service of a call.
 *
 * @internal
 */
final readonly class RecordProblems
{
    public function __construct(private ServiceRows $rows, private RowReader $reader)
    {
    }

    /**
     * @return array<string, list<string>> messages by column
     */
    public function of(string $table, int $uid): array
    {
        return match ($table) {
            ServiceRows::TABLE => $this->ofService($this->rows->withUid($uid)),
            ServiceRows::SETS => $this->ofSet($uid),
            default => [],
        };
    }

    /**
     * @return array<string, list<string>>
     */
    private function ofService(?ServiceRow $row): array
    {
        if ($row === null) {
            return [];
        }
        $problems = [];
        $others = array_filter(
            $this->rows->withId($row->id()),
            static fn (ServiceRow $other): bool => $other->uid() !== $row->uid(),
        );
        foreach ($others as $other) {
            $problems['identifier'][] = 'is the id of the record with uid ' . $other->uid() . ' as well: both are disabled';
        }
        foreach ($this->reader->read($row)->problems as $problem) {
            // The form's own switch shows that the record is disabled.
            if ($problem->field !== 'hidden') {
                $problems[ProblemColumn::of($problem)][] = $problem->message;
            }
        }
        return $problems;
    }

    /**
     * @return array<string, list<string>>
     */
    private function ofSet(int $uid): array
    {
        $set = $this->rows->credentialSet($uid);
        if ($set === null) {
            return [];
        }
        $problems = [];
        foreach (CredentialSetReader::problems($set) as $column => $message) {
            if ($column !== 'hidden') {
                $problems[$column][] = $message;
            }
        }
        return $problems;
    }
}
