<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

/**
 * Seals what comes in on standard input; nr-vault's form cannot enter a typed payload with a binding.
 *
 * @internal
 */
final class SealCommand implements Command
{
    private const SOURCES = ['key-file', 'key-env', 'encryption-key-file', 'encryption-key-env', 'config'];

    public static function help(): string
    {
        return <<<'TEXT'
            seal IDENTIFIER KEY [--plain] [--algorithm=xchacha20poly1305|aes256gcm] < PAYLOAD
              Seals the payload into an nr-vault envelope, which goes to standard output. IDENTIFIER is sealed with it.
              The payload is JSON, {"type": "bearer", "token": "…"} with perhaps "binding" beside it, or --plain, bytes.
              KEY is one of
                --key-file=PATH               32 bytes, or their base64
                --key-env=NAME                the same in a variable
                --encryption-key-file=PATH    TYPO3's encryption key in a file, or in a variable:
                --encryption-key-env=NAME
                --config=FILE [--key-id=ID]   the first master key of the transport's configuration, or that with the id

            TEXT;
    }

    public function run(array $argv, Streams $streams): int
    {
        $arguments = Arguments::parse($argv, ['plain'], ['algorithm', 'key-id', ...self::SOURCES], ['IDENTIFIER']);
        $identifier = self::identifier($arguments->word(0));
        $algorithm = $arguments->value('algorithm') ?? Envelope::XCHACHA20;
        Envelope::check($algorithm);
        $masterKey = self::masterKey($arguments);
        $payload = $streams->read('The payload');
        try {
            if ($arguments->has('plain')) {
                // One line break is the editor's or echo's, never the secret's.
                $secret = (string) preg_replace('/\r?\n\z/', '', $payload);
                if ($secret !== $payload) {
                    sodium_memzero($payload);
                }
                $payload = $secret;
                unset($secret);
                Payload::checkPlain($payload);
            } else {
                Payload::check($payload);
            }
            $streams->write(Envelope::seal($masterKey, $identifier, $payload, $algorithm) . "\n");
        } finally {
            sodium_memzero($payload);
        }
        return Application::OK;
    }

    /** What nr-vault and the directory of envelopes take. It is sealed as it stands here, in its case and spelling. */
    private static function identifier(string $identifier): string
    {
        $form = '/\A(?:site:[A-Za-z0-9_-]{1,80}:)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}\z/';
        if (strlen($identifier) > 255 || preg_match($form, $identifier) !== 1) {
            throw new UsageError('IDENTIFIER is a name of letters, digits and ._-, perhaps behind site:SITE:');
        }
        return $identifier;
    }

    private static function masterKey(Arguments $arguments): MasterKey
    {
        $given = array_values(array_filter(self::SOURCES, $arguments->has(...)));
        if (count($given) !== 1) {
            throw new UsageError('Exactly one key goes here: --' . implode(', --', self::SOURCES) . '.');
        }
        if ($arguments->has('key-id') && $given[0] !== 'config') {
            throw new UsageError('--key-id goes with --config.');
        }
        $value = $arguments->required($given[0]);
        return match ($given[0]) {
            'key-file' => MasterKey::fromFile($value),
            'key-env' => MasterKey::fromEnvironment($value),
            'encryption-key-file' => MasterKey::fromEncryptionKey(
                rtrim(MasterKey::contents($value, 'file of the encryption key'), "\r\n"),
            ),
            'encryption-key-env' => MasterKey::fromEncryptionKey((string) getenv($value, true)),
            'config' => self::configured(ConfigFile::read($value), $arguments->value('key-id')),
        };
    }

    /**
     * @param array<string, mixed> $config
     */
    private static function configured(#[\SensitiveParameter] array $config, ?string $id): MasterKey
    {
        foreach (is_array($config['master_keys'] ?? null) ? $config['master_keys'] : [] as $entry) {
            if (is_array($entry) && ($id === null || ($entry['id'] ?? null) === $id)) {
                return MasterKey::fromEntry($entry);
            }
        }
        throw new UsageError('The configuration has no such master key.');
    }
}
