<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Command;

use Netresearch\NrSecureOutbound\Exchange\Difference;
use Netresearch\NrSecureOutbound\Exchange\Importer;
use Netresearch\NrSecureOutbound\Exchange\ImportPlan;
use Netresearch\NrSecureOutbound\Exchange\RegistryFile;
use Netresearch\NrVault\Outbound\Cli\Application;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Input\InputOption;
use Symfony\Component\Console\Output\OutputInterface;
use TYPO3\CMS\Core\Core\Bootstrap;

/**
 * Changes the stored services to what a JSON registry says.
 *
 * @internal
 */
#[AsCommand('outbound:import', 'Brings the stored services to what a JSON registry says')]
final class ImportCommand extends OutboundCommand
{
    public function __construct(private readonly Importer $importer)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this
            ->withFormat()
            ->addArgument('file', InputArgument::REQUIRED, 'as outbound:export writes it')
            ->addOption('dry-run', null, InputOption::VALUE_NONE, 'shows the differences and writes nothing')
            ->addOption('prune', null, InputOption::VALUE_NONE, 'disables services that the file lacks')
            ->setHelp(<<<'TEXT'
                Shows what differs, and then writes it: services and credential sets, with their history, as an administrator would in the backend. A file
                with a fault is refused as a whole. A credential that names no set gets one.

                A service whose secret or technical user is not there, or that a record cannot be, stays as it is and is named; the others are
                written. Secrets come by outbound:credential:set, which the file does not have.

                  <info>vendor/bin/typo3 outbound:import --dry-run services.json</info>

                Exit codes: 0 all of the file is stored; 1 something is missing or refused, or with <info>--dry-run</info> something differs.
                TEXT);
    }

    protected function perform(InputInterface $input, OutputInterface $output): int
    {
        $json = self::isJson($input);
        $isDry = $input->getOption('dry-run') === true;
        $entries = RegistryFile::read(self::argument($input, 'file'));
        Bootstrap::initializeBackendAuthentication();
        $plan = $this->importer->plan($entries, $input->getOption('prune') === true);
        if (!$json) {
            self::show($output, $plan);
        }
        $errors = $isDry ? [] : $this->importer->apply($plan);
        foreach ($errors as $error) {
            self::error($output, "outbound:import: TYPO3 refused: $error\n");
        }
        if ($json) {
            self::json($output, [
                'version' => 1,
                'written' => !$isDry && $errors === [],
                'differences' => $plan->differences,
                'missing' => $plan->missing,
                'refused' => $plan->refused,
            ]);
        }
        $isDone = $plan->isWhole() && $errors === [] && (!$isDry || $plan->differences === []);
        return $isDone ? Application::OK : Application::FAILED;
    }

    private static function show(OutputInterface $output, ImportPlan $plan): void
    {
        self::write($output, implode('', array_map(
            static fn (Difference $difference): string => $difference->text() . "\n",
            $plan->differences,
        )));
        foreach ($plan->missing as $one) {
            $remedy = $one['kind'] === 'secret' ? '   # vendor/bin/typo3 outbound:credential:set ' . escapeshellarg($one['name']) . ' < PAYLOAD' : '';
            self::error($output, "missing: service {$one['service']}: the {$one['kind']} \"{$one['name']}\"$remedy\n");
        }
        foreach ($plan->refused as $one) {
            self::error($output, "refused: service {$one['service']}: {$one['message']}\n");
        }
        if ($plan->differences === []) {
            self::write($output, "nothing differs\n");
        }
    }
}
