<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Command;

use Netresearch\NrSecureOutbound\Exchange\RegistryFile;
use Netresearch\NrSecureOutbound\Exchange\StoredEntries;
use Netresearch\NrVault\Outbound\Cli\Application;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * Writes the stored services as a JSON registry.
 *
 * @internal
 */
#[AsCommand('outbound:export', 'Writes the stored services as a JSON registry to standard output')]
final class ExportCommand extends OutboundCommand
{
    public function __construct(private readonly StoredEntries $stored)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this->setHelp(<<<'TEXT'
            Writes the services that are not disabled, sorted by id, in the form that outbound:import reads and that the library's registry of a
            file has. Secrets are named by their identifier and users by their name; no secret is in it. The same services give the same bytes.

              <info>vendor/bin/typo3 outbound:export > services.json</info>

            A service with a fault is left out and named on standard error; the exit code is 1 then.
            TEXT);
    }

    protected function perform(InputInterface $input, OutputInterface $output): int
    {
        $entries = [];
        $left = 0;
        foreach ($this->stored->services() as $id => $rows) {
            $shown = array_values(array_filter($rows, static fn ($row): bool => !$row->isHidden()));
            if ($shown === []) {
                continue;
            }
            $problems = count($rows) > 1 ? ['several records have this id'] : $this->stored->problems($shown[0]);
            foreach ($problems as $problem) {
                self::error($output, "outbound:export: service $id is left out: $problem\n");
            }
            $left += $problems === [] ? 0 : 1;
            if ($problems === []) {
                $entries[$id] = $this->stored->entry($shown[0]);
            }
        }
        self::write($output, RegistryFile::text($entries));
        return $left === 0 ? Application::OK : Application::FAILED;
    }
}
