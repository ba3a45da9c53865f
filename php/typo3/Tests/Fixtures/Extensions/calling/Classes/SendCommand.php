<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use GuzzleHttp\Psr7\Request;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * Makes a call with nr-vault's HTTP client and a bearer token, and prints the response or the exception.
 */
final class SendCommand extends Command
{
    public function __construct(private readonly VaultServiceInterface $vault)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this->addArgument('url', InputArgument::REQUIRED);
        $this->addArgument('secret', InputArgument::REQUIRED);
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $client = $this->vault->http()->withAuthentication($input->getArgument('secret'));
        try {
            $response = $client->sendRequest(new Request('GET', $input->getArgument('url')));
            $output->write((string) $response->getBody(), options: OutputInterface::OUTPUT_RAW);
        } catch (\Throwable $thrown) {
            $output->write($thrown::class, options: OutputInterface::OUTPUT_RAW);
        }
        return self::SUCCESS;
    }
}
