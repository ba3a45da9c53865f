<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Doctor;

use Netresearch\NrSecureOutbound\Configuration\TransportConfiguration;
use Netresearch\NrSecureOutbound\Registry\InstallationRegistry;
use Netresearch\NrSecureOutbound\Registry\ProblemColumn;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\RegistryEntries;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Outbound\Registry\RegistryProblem;
use Netresearch\NrVault\Outbound\Registry\ServiceDefinition;

/**
 * The stored services: their form, and whether the library accepts base URL and policy.
 *
 * @internal
 */
final readonly class RegistryCheck implements Check
{
    public function __construct(private InstallationRegistry $registry, private TransportConfiguration $configuration)
    {
    }

    public function findings(): array
    {
        try {
            $config = $this->configuration->document();
        } catch (OutboundException) {
            // SettingsCheck reports this problem.
            $config = [];
        }
        return [
            Finding::ok('registry.services', 'Services in the registry: ' . count($this->registry->ids()) . '.'),
            ...array_map(self::problem(...), $this->registry->problems()),
            ...RegistryEntries::services(
                $this->registry,
                $config,
                null,
                static fn (ServiceDefinition $service, string $note): string
                    => "Edit the record \"$service->id\" in the list module, on the root page   # $note",
                static fn (): array => [],
            ),
        ];
    }

    private static function problem(RegistryProblem $problem): Finding
    {
        if ($problem->field === 'hidden') {
            return Finding::ok('registry.hidden', "Service \"$problem->entry\" is disabled by its own switch.");
        }
        return Finding::critical(
            'registry.entry',
            rtrim("Service \"$problem->entry\" is disabled: $problem->field") . " $problem->message",
            'Edit its record in the list module, on the root page   # the field ' . ProblemColumn::of($problem),
        );
    }
}
