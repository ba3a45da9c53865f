<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Command;

use Netresearch\NrSecureOutbound\Doctor\Doctor;
use Netresearch\NrSecureOutbound\Doctor\ProcessCheck;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Doctor\Finding;
use Netresearch\NrVault\Outbound\Cli\Doctor\Report;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Input\InputOption;
use Symfony\Component\Console\Output\OutputInterface;
use Symfony\Component\Console\Terminal;

/**
 * Says what is wrong with an installation, as far as the command line can see it.
 *
 * @internal
 */
#[AsCommand('outbound:doctor', 'Looks at everything that has to be right before a call can go out')]
final class DoctorCommand extends OutboundCommand
{
    public function __construct(private readonly Doctor $doctor, private readonly ProcessCheck $process)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this
            ->withFormat()
            ->addOption('problems', null, InputOption::VALUE_NONE, 'shows what is not in order, and nothing else')
            ->addOption('fpm-socket', null, InputOption::VALUE_REQUIRED, 'asks a worker of php-fpm at this socket as well')
            ->setHelp(<<<'TEXT'
                Looks at nr-vault and what its gates let through, the secrets of credential sets, settings, configurations of sites, stored
                services, and at PHP, library, master key and roots as this process has them. Nothing is changed, opened or sent.

                The web server's PHP has other settings: the reports module shows the same as it knows it, and <info>--fpm-socket</info> asks
                a worker from here. Each problem has what fixes it.

                Exit codes: 0 all in order, 1 warnings, 2 something critical.
                TEXT);
    }

    protected function perform(InputInterface $input, OutputInterface $output): int
    {
        $json = self::isJson($input);
        $socket = self::option($input, 'fpm-socket');
        $findings = [...$this->doctor->findings(), ...($socket === null ? [] : $this->process->ofWorker($socket))];
        $exit = Finding::exitCode($findings);
        if ($json) {
            self::json($output, ['version' => 1, 'verdict' => Finding::VERDICTS[$exit], 'findings' => $findings]);
            return $exit;
        }
        $isQuiet = $input->getOption('problems') === true;
        $width = (new Terminal())->getWidth();
        self::stream($output, static function (Streams $streams) use ($output, $findings, $isQuiet, $width): void {
            (new Report($streams, $output->isDecorated(), $width, Doctor::SECTIONS))->write($findings, $isQuiet);
        });
        return $exit;
    }
}
