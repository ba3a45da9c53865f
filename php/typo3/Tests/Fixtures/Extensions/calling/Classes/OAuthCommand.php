<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutboundCalling;

use GuzzleHttp\Psr7\Request;
use Netresearch\NrVault\Http\OAuth\OAuthConfig;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * Makes a call with nr-vault's HTTP client, with an OAuth token for two secrets, and keeps the response.
 */
final class OAuthCommand extends Command
{
    public function __construct(private readonly VaultServiceInterface $vault)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        foreach (['url', 'endpoint', 'client', 'secret', 'file'] as $argument) {
            $this->addArgument($argument, InputArgument::REQUIRED);
        }
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $client = $this->vault->http()->withOAuth(OAuthConfig::clientCredentials(
            $input->getArgument('endpoint'),
            $input->getArgument('client'),
            $input->getArgument('secret'),
        ));
        $response = $client->sendRequest(new Request('GET', $input->getArgument('url')));
        file_put_contents($input->getArgument('file'), (string) $response->getBody());
        return self::SUCCESS;
    }
}
