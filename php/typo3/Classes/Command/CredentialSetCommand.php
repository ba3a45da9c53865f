<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Command;

use Netresearch\NrSecureOutbound\Configuration\Settings;
use Netresearch\NrVault\Exception\AccessDeniedException;
use Netresearch\NrVault\Exception\ValidationException;
use Netresearch\NrVault\Exception\VaultException;
use Netresearch\NrVault\Outbound\Cli\Application;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Cli\Payload;
use Netresearch\NrVault\Outbound\Exception\PartFailure;
use Netresearch\NrVault\Service\VaultServiceInterface;
use Netresearch\NrVault\Transport\Secret\Secret;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Input\InputOption;
use Symfony\Component\Console\Input\StreamableInputInterface;
use Symfony\Component\Console\Output\OutputInterface;
use TYPO3\CMS\Core\Core\Bootstrap;

/**
 * Stores a secret through nr-vault, whose form cannot enter a typed payload with a binding.
 *
 * @internal
 */
#[AsCommand('outbound:credential:set', 'Stores the secret of a credential set through nr-vault, from standard input')]
final class CredentialSetCommand extends OutboundCommand
{
    private const UNBOUND = "outbound:credential:set: warning: the credential is bound to no hosts, so whoever can edit a service can send it\n"
        . "anywhere. Store it with \"binding\": {\"hosts\": [\"api.example.com\"]}; bytes as {\"type\": \"secret\", \"secret\": \"…\", \"binding\": …}.\n";

    public function __construct(private readonly VaultServiceInterface $vault)
    {
        parent::__construct();
    }

    protected function configure(): void
    {
        $this
            ->withFormat()
            ->addArgument('identifier', InputArgument::REQUIRED, 'of the secret in nr-vault')
            ->addOption('plain', null, InputOption::VALUE_NONE, 'the secret is its bytes, without the line break at their end')
            ->setHelp(<<<'TEXT'
                Reads the payload from standard input, has the rules of the transport judge it, and stores it through nr-vault: as a new secret, or
                in place of the value that the identifier has, whose owner, groups and dates stay.

                  <info>vendor/bin/typo3 outbound:credential:set crm_token < payload.json</info>

                The payload is JSON, {"type": "bearer", "token": "…", "binding": {"hosts": ["api.example.com"]}}, or with <info>--plain</info> bytes.
                A credential without a binding is stored with a warning, and refused where require_binding is set.

                nr-vault decides whether the user of commands may store it, and records it.
                TEXT);
    }

    protected function perform(InputInterface $input, OutputInterface $output): int
    {
        $json = self::isJson($input);
        $identifier = self::argument($input, 'identifier');
        [$payload, $hasHosts] = self::payload($input);
        if (!$hasHosts) {
            if (Settings::fromGlobals()->requireBinding) {
                throw new UsageError('The credential is bound to no hosts, and require_binding of this installation is set: it could not be used.');
            }
            self::error($output, self::UNBOUND);
        }
        // The scheduler does the same. Without it a command has no user, and nr-vault before 1.0 takes it for the owner of every
        // secret without an owner.
        Bootstrap::initializeBackendAuthentication();
        try {
            $isNew = !$this->vault->exists($identifier);
            $isNew
                ? $this->vault->store($identifier, $payload->expose())
                : $this->vault->rotate($identifier, $payload->expose(), 'outbound:credential:set');
        } catch (VaultException $failure) {
            self::error($output, $this->getName() . ': ' . self::why($failure) . "\n");
            return Application::FAILED;
        }
        $json
            ? self::json($output, ['version' => 1, 'identifier' => $identifier, 'new' => $isNew, 'bound' => $hasHosts])
            : self::write($output, ($isNew ? 'stored: ' : 'replaced: ') . $identifier . "\n");
        return Application::OK;
    }

    /**
     * @return array{Secret, bool} the payload, and whether its binding names hosts
     * @throws UsageError
     */
    private static function payload(InputInterface $input): array
    {
        $stream = ($input instanceof StreamableInputInterface ? $input->getStream() : null) ?? STDIN;
        $payload = new Secret((new Streams($stream, STDOUT, STDERR))->read('The payload'));
        if ($input->getOption('plain') !== true) {
            return [$payload, Payload::check($payload)];
        }
        // An editor or echo adds one line break, which is no part of the secret.
        $payload = new Secret((string) preg_replace('/\r?\n\z/', '', $payload->expose()));
        Payload::checkPlain($payload);
        return [$payload, false];
    }

    /** Messages of other exceptions may contain the value that nr-vault was given. */
    private static function why(#[\SensitiveParameter] VaultException $failure): string
    {
        return match (true) {
            $failure instanceof AccessDeniedException => 'nr-vault refuses it to the user of commands.',
            $failure instanceof ValidationException => $failure->getMessage(),
            default => 'nr-vault could not store it: ' . PartFailure::nameOf($failure),
        };
    }
}
