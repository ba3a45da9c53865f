<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Command;

use Netresearch\NrSecureOutbound\Migration\MigrationFailed;
use Netresearch\NrSecureOutbound\Migration\NrLlm;
use Netresearch\NrSecureOutbound\Migration\NrLlmMigration;
use Netresearch\NrSecureOutbound\Migration\NrLlmPlans;
use Netresearch\NrSecureOutbound\Migration\ProviderPlan;
use Netresearch\NrVault\Outbound\Cli\Application;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Input\InputOption;
use Symfony\Component\Console\Output\OutputInterface;
use TYPO3\CMS\Core\Core\Bootstrap;

/**
 * Moves the keys of nr-llm's providers into nr-vault, and creates a service for each provider.
 *
 * @internal
 */
#[AsCommand('outbound:migrate:nr-llm', "Brings the keys of nr-llm's providers into nr-vault, and gives each provider a service")]
final class MigrateNrLlmCommand extends OutboundCommand
{
    public function __construct(
        private readonly NrLlm $llm,
        private readonly NrLlmPlans $plans,
        private readonly NrLlmMigration $migration,
    ) {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this
            ->withFormat()
            ->addOption('write', null, InputOption::VALUE_NONE, 'do it; without this it is shown and nothing is changed')
            ->addOption(
                'group',
                null,
                InputOption::VALUE_REQUIRED | InputOption::VALUE_IS_ARRAY,
                'uid of a group of backend users that may use the new secrets, beside their owner and administrators',
            )
            ->setHelp(<<<'TEXT'
                Looks at each provider of nr-llm that has a key: a plain one, one that an early nr-llm has encrypted ("enc:"), or an identifier of
                nr-vault. Shows what is to be done, and does it with <info>--write</info>: the key is stored through nr-vault, a credential set and a
                service are written with the placement and the endpoint of the installed nr-llm, the library opens the new secret, and only then its
                identifier replaces the key in the provider's record.

                  <info>vendor/bin/typo3 outbound:migrate:nr-llm</info>
                  <info>vendor/bin/typo3 outbound:migrate:nr-llm --write --group=3</info>

                It can be run again, and goes on where it was interrupted. Services and credential sets that are there stay as they are. Keys in the
                settings of nr-llm are named and left alone. Old keys stay in sys_history and in backups: change them at the provider.

                Ends with 1 where a provider could not be migrated.
                TEXT);
    }

    protected function perform(InputInterface $input, OutputInterface $output): int
    {
        $json = self::isJson($input);
        $groups = array_map(
            static fn (string $uid): int => ctype_digit($uid) && (int) $uid > 0
                ? (int) $uid
                : throw new UsageError('--group is the uid of a group of backend users.'),
            self::options($input, 'group'),
        );
        if (!$this->llm->isInstalled()) {
            throw new UsageError('nr-llm is not installed here, or its table is missing.');
        }
        Bootstrap::initializeBackendAuthentication();
        $isWritten = $input->getOption('write') === true;
        $results = [];
        foreach ($this->plans->all() as $plan) {
            $results[] = $isWritten && $plan->problem === null && $plan->steps !== [] ? $this->done($plan, $groups) : self::shown($plan);
        }
        $remarks = $this->remarks();
        $json
            ? self::json($output, ['version' => 1, 'written' => $isWritten, 'providers' => $results, 'remarks' => $remarks])
            : self::write($output, self::text($results, $remarks));
        return in_array('failed', array_column($results, 'state'), true) ? Application::FAILED : Application::OK;
    }

    /**
     * @param list<int> $groups
     * @return array{provider: string, state: string, steps: list<string>, notes: list<string>, failure: string|null}
     */
    private function done(ProviderPlan $plan, array $groups): array
    {
        try {
            $this->migration->run($plan, $groups);
        } catch (MigrationFailed $failure) {
            return array_replace(self::shown($plan), ['state' => 'failed', 'failure' => $failure->getMessage()]);
        }
        return array_replace(self::shown($plan), ['state' => 'done']);
    }

    /**
     * @return array{provider: string, state: string, steps: list<string>, notes: list<string>, failure: string|null}
     */
    private static function shown(ProviderPlan $plan): array
    {
        return [
            'provider' => $plan->name,
            'state' => match (true) {
                $plan->problem !== null => 'left alone',
                $plan->steps === [] => 'in order',
                default => 'to do',
            },
            'steps' => $plan->steps,
            'notes' => $plan->problem === null ? $plan->notes : [$plan->problem, ...$plan->notes],
            'failure' => null,
        ];
    }

    /**
     * @return list<string>
     */
    private function remarks(): array
    {
        $deleted = $this->plans->deleted();
        return [
            ...array_map(fn (string $name): string => "The setting $name of nr-llm is a key that nr-llm " . $this->llm->version()
                . ' sends as it is, without nr-vault: left alone.', $this->llm->rawSettings()),
            ...($deleted === 0 ? [] : ["Deleted providers that still have a key of their own: $deleted. Remove them for good."]),
        ];
    }

    /**
     * @param list<array{provider: string, state: string, steps: list<string>, notes: list<string>, failure: string|null}> $results
     * @param list<string> $remarks
     */
    private static function text(array $results, array $remarks): string
    {
        $lines = $results === [] ? ['nr-llm has no providers.'] : [];
        foreach ($results as $result) {
            $lines[] = "$result[provider]: $result[state]";
            foreach ($result['steps'] as $step) {
                $lines[] = "  - $step";
            }
            foreach ($result['notes'] as $note) {
                $lines[] = "    $note";
            }
            if ($result['failure'] !== null) {
                $lines[] = "  failed: $result[failure]";
            }
        }
        if (in_array('to do', array_column($results, 'state'), true)) {
            $remarks[] = 'Nothing was changed. With --write this is done.';
        }
        return implode("\n", [...$lines, ...$remarks]) . "\n";
    }
}
