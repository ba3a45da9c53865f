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
use Netresearch\NrVault\Outbound\Cli\GooglePayload;
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
            ->addOption(GooglePayload::FILE, null, InputOption::VALUE_NONE, 'the input is the JSON file of a Google service account')
            ->addOption('scope', null, InputOption::VALUE_REQUIRED | InputOption::VALUE_IS_ARRAY, 'with --google: what its tokens are for')
            ->addOption('host', null, InputOption::VALUE_REQUIRED | InputOption::VALUE_IS_ARRAY, 'with --google: a host of the API, to which the key is bound')
            ->addOption('target-audience', null, InputOption::VALUE_REQUIRED, 'with --google in place of scopes: for whom an ID token is asked')
            ->addOption('sub', null, InputOption::VALUE_REQUIRED, 'with --google: the user of the domain to act for')
            ->addOption('token-url', null, InputOption::VALUE_REQUIRED, 'with --google: where tokens are asked for, if not at Google')
            ->setHelp(<<<'TEXT'
                Reads the payload from standard input, has the rules of the transport judge it, and stores it through nr-vault: as a new secret, or
                in place of the value that the identifier has, whose owner, groups and dates stay.

                  <info>vendor/bin/typo3 outbound:credential:set crm_token < payload.json</info>

                The payload is JSON, {"type": "bearer", "token": "…", "binding": {"hosts": ["api.example.com"]}}, or with <info>--plain</info> bytes.
                <info>--google</info> makes the payload of the JSON file of a service account, bound to the hosts of the API:

                  <info>vendor/bin/typo3 outbound:credential:set importer --google --scope=SCOPE --host=www.googleapis.com < account.json</info>

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
        if ($input->getOption(GooglePayload::FILE) === true) {
            $payload = self::google($input, $payload);
        } else {
            self::refuseOptionsOfGoogle($input);
        }
        if ($input->getOption('plain') !== true) {
            return [$payload, Payload::check($payload)];
        }
        // An editor or echo adds one line break, which is no part of the secret.
        $payload = new Secret((string) preg_replace('/\r?\n\z/', '', $payload->expose()));
        Payload::checkPlain($payload);
        return [$payload, false];
    }

    /**
     * @throws UsageError
     */
    private static function google(InputInterface $input, #[\SensitiveParameter] Secret $account): Secret
    {
        if ($input->getOption('plain') === true) {
            throw new UsageError('--google makes a typed payload: leave --plain out.');
        }
        $others = [];
        foreach (array_diff(GooglePayload::OPTIONS, ['scope', 'host']) as $name) {
            $others[$name] = self::option($input, $name);
        }
        $others = array_filter($others, is_string(...));
        return GooglePayload::make($account->expose(), self::options($input, 'scope'), self::options($input, 'host'), $others);
    }

    /**
     * @throws UsageError
     */
    private static function refuseOptionsOfGoogle(InputInterface $input): void
    {
        foreach (GooglePayload::OPTIONS as $name) {
            if (!in_array($input->getOption($name), [null, []], true)) {
                throw new UsageError('--' . $name . ' goes with --google; a payload has it inside.');
            }
        }
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
