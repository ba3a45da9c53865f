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
 * Makes a call with nr-vault's HTTP client, with an OAuth token for two secrets or for a refresh token, and keeps the response.
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
        $this->addArgument('refresh', InputArgument::OPTIONAL);
    }

    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $secrets = array_map($input->getArgument(...), ['endpoint', 'client', 'secret']);
        $refresh = $input->getArgument('refresh');
        $config = $refresh === null
            ? OAuthConfig::clientCredentials(...$secrets)
            : OAuthConfig::refreshToken(...$secrets, refreshTokenSecret: $refresh);
        $response = $this->vault->http()->withOAuth($config)->sendRequest(new Request('GET', $input->getArgument('url')));
        file_put_contents($input->getArgument('file'), (string) $response->getBody());
        return self::SUCCESS;
    }
}
