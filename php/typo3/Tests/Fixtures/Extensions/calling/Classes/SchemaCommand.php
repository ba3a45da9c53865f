<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;
use TYPO3\CMS\Core\Database\Schema\SchemaMigrator;
use TYPO3\CMS\Core\Database\Schema\SqlReader;

/**
 * Prints what TYPO3's database analyser proposes for some tables.
 */
final class SchemaCommand extends Command
{
    public function __construct(private readonly SqlReader $reader, private readonly SchemaMigrator $migrator)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this->addArgument('tables', InputArgument::REQUIRED | InputArgument::IS_ARRAY);
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $wanted = $this->reader->getCreateTableStatementArray($this->reader->getTablesDefinitionString());
        $proposals = [];
        foreach ([false, true] as $isRemoval) {
            $suggestions = $this->migrator->getUpdateSuggestions($wanted, $isRemoval);
            array_walk_recursive($suggestions, static function (mixed $value) use (&$proposals): void {
                $proposals[] = (string) $value;
            });
        }
        $tables = implode('|', $input->getArgument('tables'));
        $output->write(
            json_encode(array_values((array) preg_grep("/$tables/", $proposals)), JSON_THROW_ON_ERROR),
            options: OutputInterface::OUTPUT_RAW,
        );
        return self::SUCCESS;
    }
}
