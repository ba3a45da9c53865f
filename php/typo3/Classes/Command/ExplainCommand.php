<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Command;

use Netresearch\NrSecureOutbound\Call\Transports;
use Netresearch\NrSecureOutbound\Registry\InstallationRegistry;
use Netresearch\NrVault\Outbound\Cli\Application;
use Netresearch\NrVault\Outbound\Cli\Explanation;
use Netresearch\NrVault\Outbound\Cli\Setup;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Input\InputOption;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * Says what the policy of a stored service decides about a call.
 *
 * @internal
 */
#[AsCommand('outbound:explain', 'Says whether a call of a service would be allowed')]
final class ExplainCommand extends OutboundCommand
{
    public function __construct(private readonly InstallationRegistry $registry, private readonly Transports $transports)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $repeated = InputOption::VALUE_REQUIRED | InputOption::VALUE_IS_ARRAY;
        $this
            ->withFormat()
            ->addArgument('service', InputArgument::REQUIRED, 'id of the service')
            ->addArgument('method', InputArgument::REQUIRED, 'in upper case: GET')
            ->addArgument('path', InputArgument::REQUIRED, 'below the base URL: /customers/7')
            ->addOption('query', null, $repeated, 'NAME=VALUE of the query; may be repeated')
            ->addOption('header', null, $repeated, 'NAME:VALUE; may be repeated')
            ->setHelp(<<<'TEXT'
                Says whether the call would be allowed: its canonical URL and the pattern that matched, or the refusal and what to do. Nothing
                is sent, no credential is opened and no name is resolved. A circuit that has opened in a worker is not seen.

                Exit codes: 0 allowed, 1 refused.
                TEXT);
    }

    protected function perform(InputInterface $input, OutputInterface $output): int
    {
        $json = self::isJson($input);
        try {
            $explanation = Explanation::of(
                $this->registry,
                $this->transports,
                self::argument($input, 'service'),
                self::argument($input, 'method'),
                self::argument($input, 'path'),
                Setup::pairs(self::options($input, 'query'), 'query', '='),
                Setup::pairs(self::options($input, 'header'), 'header', ':'),
            );
        } catch (OutboundException $refusal) {
            if (!$json) {
                throw $refusal;
            }
            self::json($output, Explanation::ofRefusal($refusal));
            return Application::FAILED;
        }
        $json ? self::json($output, $explanation->toArray()) : self::write($output, $explanation->text());
        return Application::OK;
    }
}
