<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;
use TYPO3\CMS\Core\Core\Environment;

/**
 * A command that calls services, and writes the results to a file.
 */
final class CallCommand extends Command
{
    public function __construct(private readonly Calls $calls)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        // Optional, since the scheduler's task passes no argument.
        $this->addArgument('services', InputArgument::OPTIONAL, 'separated by commas; as a rule those of the task');
        $this->addArgument('file', InputArgument::OPTIONAL, '', Environment::getProjectPath() . '/scheduler.json');
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $services = explode(',', $input->getArgument('services') ?? (string) file_get_contents(self::task()));
        file_put_contents(
            $input->getArgument('file'),
            json_encode(array_combine($services, array_map($this->calls->call(...), $services))),
        );
        return self::SUCCESS;
    }

    /** The file with the services that the scheduler's task calls. */
    public static function task(): string
    {
        return Environment::getProjectPath() . '/scheduler.txt';
    }
}
