<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\ConfigFile;
use Netresearch\NrVault\Outbound\Cli\Console\Streams;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Keys\KeyEntry;
use Netresearch\NrVault\Transport\Php\Keys\KeyFile;
use Netresearch\NrVault\Transport\Php\Keys\KeyProblem;
use Netresearch\NrVault\Transport\Php\Keys\KeySource;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * Seals a payload from standard input, or one that it makes of Google's file; in nr-vault's form one cannot enter a typed payload with a binding.
 *
 * @internal
 */
final class SealCommand implements Command
{
    private const SOURCES = ['key-file', 'key-env', 'encryption-key-file', 'encryption-key-env', 'config'];

    private const UNBOUND = "secure-outbound seal: warning: the credential is bound to no hosts, so whoever can edit the registry\n"
        . "can send it anywhere. Seal it with \"binding\": {\"hosts\": [\"api.example.com\"]}; bytes as\n"
        . "{\"type\": \"secret\", \"secret\": \"…\", \"binding\": …}. limits.require_binding refuses what has none.\n";

    public static function help(): string
    {
        return <<<'TEXT'
            seal IDENTIFIER KEY [--plain] [--algorithm=xchacha20poly1305|aes256gcm] < PAYLOAD
            seal IDENTIFIER KEY --google=FILE --scope=SCOPE… --host=HOST… [--sub=USER] [--token-url=URL]
              Seals the payload into an nr-vault envelope, which goes to standard output. IDENTIFIER is sealed with it.
              The payload is JSON, {"type": "bearer", "token": "…", "binding": {"hosts": ["api.example.com"]}}, or with
              --plain bytes. Without "hosts" there is a warning: whoever edits the registry can send it anywhere.
              --google makes the payload of the JSON file of a service account, bound to the hosts of the API;
              --target-audience=URL in place of the scopes asks for an ID token.
              KEY is one of
                --key-file=PATH               32 bytes, or their base64
                --key-env=NAME                the same in a variable
                --encryption-key-file=PATH    TYPO3's encryption key in a file, or in a variable:
                --encryption-key-env=NAME
                --config=FILE [--key-id=ID]   the first master key of the transport's configuration, or that with the id

            seal --try METHOD URL [--header=NAME:VALUE]… [--body=FILE] [--id=IDEMPOTENCY-KEY] < PAYLOAD
              Seals nothing: shows the text that a payload of type hmac or aws_sigv4 would sign of this request now (of
              aws_sigv4 the canonical request), with [secret] in place of what is secret.

            TEXT;
    }

    public function run(array $argv, Streams $streams): int
    {
        if (in_array('--' . SealTry::FLAG, $argv, true)) {
            return SealTry::run($argv, $streams);
        }
        $arguments = Arguments::parse(
            $argv,
            ['plain'],
            ['algorithm', 'key-id', GooglePayload::FILE, ...GooglePayload::OPTIONS, ...self::SOURCES],
            ['IDENTIFIER'],
        );
        $identifier = self::identifier($arguments->word(0));
        $algorithm = Envelope::algorithm($arguments->value('algorithm'));
        $masterKey = self::masterKey($arguments);
        $payload = self::payload($arguments, $streams);
        if ($arguments->has('plain')) {
            // An editor or echo adds one line break, which is no part of the secret.
            $payload = new Secret((string) preg_replace('/\r?\n\z/', '', $payload->expose()));
            Payload::checkPlain($payload);
            $hasHosts = false;
        } else {
            $hasHosts = Payload::check($payload);
            self::tellExpiry(Payload::certificateExpiry($payload), $streams);
        }
        if (!$hasHosts) {
            $streams->error(self::UNBOUND);
        }
        $streams->write(Envelope::seal($masterKey, $identifier, $payload, $algorithm) . "\n");
        return Application::OK;
    }

    private static function tellExpiry(?\DateTimeImmutable $end, Streams $streams): void
    {
        if ($end !== null) {
            $isOver = $end->getTimestamp() <= time();
            $streams->error('secure-outbound seal: ' . ($isOver ? 'warning: ' : '') . 'the certificate '
                . ($isOver ? 'expired' : 'expires') . ' on ' . $end->format('Y-m-d H:i') . " UTC\n");
        }
    }

    private static function payload(Arguments $arguments, Streams $streams): Secret
    {
        if ($arguments->has(GooglePayload::FILE)) {
            return $arguments->has('plain')
                ? throw new UsageError('--google makes a typed payload: leave --plain out.')
                : GooglePayload::of($arguments);
        }
        foreach (GooglePayload::OPTIONS as $option) {
            if ($arguments->has($option)) {
                throw new UsageError('--' . $option . ' goes with --google; a payload has it inside.');
            }
        }
        return new Secret($streams->read('The payload'));
    }

    /** An identifier that nr-vault and the directory of envelopes accept. It is sealed unchanged, in its case and spelling. */
    private static function identifier(string $identifier): string
    {
        $form = '/\A(?:site:[A-Za-z0-9_-]{1,80}:)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}\z/';
        if (strlen($identifier) > 255 || preg_match($form, $identifier) !== 1) {
            throw new UsageError('IDENTIFIER is a name of letters, digits and ._-, perhaps behind site:SITE:');
        }
        return $identifier;
    }

    private static function masterKey(Arguments $arguments): Secret
    {
        $given = array_values(array_filter(self::SOURCES, $arguments->has(...)));
        if (count($given) !== 1) {
            throw new UsageError('Exactly one key goes here: --' . implode(', --', self::SOURCES) . '.');
        }
        if ($arguments->has('key-id') && $given[0] !== 'config') {
            throw new UsageError('--key-id goes with --config.');
        }
        $value = $arguments->required($given[0]);
        $key = match ($given[0]) {
            'key-file' => KeySource::file($value)->load(),
            'key-env' => KeySource::env($value)->load(),
            'encryption-key-file' => self::fromEncryptionKeyFile($value),
            'encryption-key-env' => KeySource::typo3((string) getenv($value, true))->load(),
            'config' => self::configured(ConfigFile::read($value), $arguments->value('key-id'))->load(),
        };
        return $key instanceof Secret ? $key : throw new UsageError('--' . $given[0] . ': ' . $key->value . '.');
    }

    private static function fromEncryptionKeyFile(string $path): Secret|KeyProblem
    {
        $text = (new KeyFile($path))->contents();
        if ($text === KeyProblem::FileNotAKey) {
            throw new UsageError('The file of the encryption key is too long to be one.');
        }
        return $text instanceof Secret ? KeySource::typo3(rtrim($text->expose(), "\r\n"))->load() : $text;
    }

    /**
     * @param array<string, mixed> $config
     */
    private static function configured(#[\SensitiveParameter] array $config, ?string $id): KeySource
    {
        foreach (is_array($config['master_keys'] ?? null) ? $config['master_keys'] : [] as $entry) {
            if (is_array($entry) && ($id === null || ($entry['id'] ?? null) === $id)) {
                try {
                    $source = KeyEntry::parse($entry)->source;
                } catch (OutboundException $refusal) {
                    throw new UsageError('--config: ' . $refusal->reason() . '.');
                }
                return $source ?? throw new UsageError('--config: the master key has an id, but no provider.');
            }
        }
        throw new UsageError('The configuration has no such master key.');
    }
}
