<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Registry;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\ArrayServiceRegistry;
use Netresearch\NrVault\Outbound\Registry\RegistryProblem;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;
use Netresearch\NrVault\Outbound\Registry\ServiceRegistry;

/**
 * The services that are stored as records. Every call reads the row again, so that a service that was disabled on another host is
 * disabled at the next call.
 *
 * @internal
 */
final readonly class RowServiceRegistry implements ServiceRegistry
{
    public function __construct(private ServiceRows $rows, private RowReader $reader)
    {
    }

    public function get(string $id): ServiceDefinition
    {
        $rows = $this->rows->withId($id);
        if ($rows === []) {
            // This registry has no such service either, and throws the library's own exception.
            return (new ArrayServiceRegistry(array_fill_keys($this->rows->ids(), [])))->get($id);
        }
        return $this->definition($rows);
    }

    /**
     * The service in rows that have been read already.
     *
     * @param non-empty-list<ServiceRow> $rows all of one id
     * @throws OutboundException policy.service_disabled
     */
    public function definition(array $rows): ServiceDefinition
    {
        $problem = self::ambiguity($rows);
        if ($problem === null) {
            $reading = $this->reader->read($rows[0]);
            $problem = $reading->problems[0] ?? null;
            if ($problem === null) {
                return $reading->registry()->get($reading->id);
            }
        }
        $field = $problem->field === '' ? '' : $problem->field . ' ';
        throw OutboundException::create(
            'policy.service_disabled',
            'the service "' . $problem->entry . '" is disabled: ' . $field . $problem->message,
        );
    }

    public function ids(): array
    {
        return $this->rows->ids();
    }

    public function problems(): array
    {
        $services = [];
        foreach ($this->rows->all() as $row) {
            $services[$row->id()][] = $row;
        }
        $problems = [];
        foreach ($services as $rows) {
            $ambiguity = self::ambiguity($rows);
            $problems = [...$problems, ...($ambiguity === null ? $this->reader->read($rows[0])->problems : [$ambiguity])];
        }
        return $problems;
    }

    /**
     * @param non-empty-list<ServiceRow> $rows of one id
     */
    private static function ambiguity(array $rows): ?RegistryProblem
    {
        if (count($rows) === 1) {
            return null;
        }
        $uids = implode(', ', array_map(static fn (ServiceRow $row): int => $row->uid(), $rows));
        return new RegistryProblem($rows[0]->id(), '', "several rows have this id (uid $uids): rename or delete all but one");
    }
}
