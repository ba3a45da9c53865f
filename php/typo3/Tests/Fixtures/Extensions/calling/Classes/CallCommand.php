<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;
use TYPO3\CMS\Core\Core\Environment;

/**
 * A command that calls a service, and writes the result to a file.
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
        $this->addArgument('service', InputArgument::OPTIONAL, '', 'admins');
        $this->addArgument('file', InputArgument::OPTIONAL, '', Environment::getProjectPath() . '/scheduler.json');
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $service = $input->getArgument('service');
        $file = $input->getArgument('file');
        file_put_contents(is_string($file) ? $file : '', json_encode($this->calls->call(is_string($service) ? $service : '')));
        return self::SUCCESS;
    }
}
