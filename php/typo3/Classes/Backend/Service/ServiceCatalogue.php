<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Backend\Service;

use Netresearch\NrSecureOutbound\Configuration\Settings;
use Netresearch\NrSecureOutbound\Registry\RowReader;
use Netresearch\NrSecureOutbound\Registry\RowReading;
use Netresearch\NrSecureOutbound\Registry\ServiceRow;
use Netresearch\NrSecureOutbound\Registry\ServiceRows;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\RegistryProblem;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;

/**
 * The stored services with their states, including those that cannot be called.
 *
 * @internal
 */
final readonly class ServiceCatalogue
{
    public function __construct(private ServiceRows $rows, private RowReader $reader)
    {
    }

    /**
     * @return list<ServiceEntry>
     */
    public function all(): array
    {
        $rows = $this->rows->all();
        $uids = [];
        foreach ($rows as $row) {
            $uids[$row->id()][] = $row->uid();
        }
        return array_map(fn (ServiceRow $row): ServiceEntry => $this->entry($row, $uids[$row->id()]), $rows);
    }

    public function find(int $uid): ?ServiceEntry
    {
        $row = $this->rows->withUid($uid);
        if ($row === null) {
            return null;
        }
        $same = array_map(static fn (ServiceRow $other): int => $other->uid(), $this->rows->withId($row->id()));
        return $this->entry($row, $same);
    }

    /**
     * @param list<int> $uids of every row with this id
     */
    private function entry(ServiceRow $row, array $uids): ServiceEntry
    {
        $reading = $this->reader->read($row);
        $problems = count($uids) < 2 ? [] : ['several rows have this id (uid ' . implode(', ', $uids) . ')'];
        foreach ($reading->problems as $problem) {
            // The state of the service says that it is disabled.
            if ($problem->field !== 'hidden') {
                $problems[] = self::text($problem);
            }
        }
        $state = match (true) {
            $row->isHidden() => ServiceState::Disabled,
            $problems !== [] => ServiceState::Faulty,
            !self::isEnabledHere($row->id()) => ServiceState::NotEnabled,
            default => ServiceState::Active,
        };
        return new ServiceEntry($row, $state, $problems, self::definition($reading));
    }

    private static function text(RegistryProblem $problem): string
    {
        return trim($problem->field . ' ' . $problem->message);
    }

    private static function definition(RowReading $reading): ?ServiceDefinition
    {
        try {
            return $reading->registry()->get($reading->id);
        } catch (OutboundException) {
            return null;
        }
    }

    private static function isEnabledHere(string $id): bool
    {
        try {
            $enabled = Settings::fromGlobals()->services;
        } catch (OutboundException) {
            // If the settings cannot be read, no service can be called.
            return false;
        }
        return $enabled === null || in_array($id, $enabled, true);
    }
}
