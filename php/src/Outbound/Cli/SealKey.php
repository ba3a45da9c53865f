<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\ConfigFile;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Php\Keys\KeyEntry;
use Netresearch\NrVault\Transport\Php\Keys\KeyFile;
use Netresearch\NrVault\Transport\Php\Keys\KeyProblem;
use Netresearch\NrVault\Transport\Php\Keys\KeySource;
use Netresearch\NrVault\Transport\Secret\Secret;

/**
 * The arguments of a command that seals: under which identifier, and with which master key.
 *
 * @internal
 */
final class SealKey
{
    /** Where the configuration is, which may have the key. */
    public const CONFIG = 'config';

    public const OPTIONS = [...self::SOURCES, 'key-id'];

    public const HELP = <<<'TEXT'
          KEY is one of
            --key-file=PATH               32 bytes, or their base64
            --key-env=NAME                the same in a variable
            --encryption-key-file=PATH    TYPO3's encryption key in a file, or in a variable:
            --encryption-key-env=NAME
            --config=FILE [--key-id=ID]   the first master key of the transport's configuration, or that with the id
        TEXT;

    private const SOURCES = ['key-file', 'key-env', 'encryption-key-file', 'encryption-key-env', self::CONFIG];

    /**
     * An identifier that nr-vault and the directory of envelopes accept. It is sealed unchanged, in its case and spelling.
     *
     * @throws UsageError
     */
    public static function identifier(string $identifier): string
    {
        $form = '/\A(?:site:[A-Za-z0-9_-]{1,80}:)?[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}\z/';
        if (strlen($identifier) > 255 || preg_match($form, $identifier) !== 1) {
            throw new UsageError('IDENTIFIER is a name of letters, digits and ._-, perhaps behind site:SITE:');
        }
        return $identifier;
    }

    /**
     * @param bool $isConfigUsed whether the command has another use for the configuration, so that the key may come from elsewhere
     * @throws UsageError
     */
    public static function of(Arguments $arguments, bool $isConfigUsed = false): Secret
    {
        $given = array_values(array_filter(self::SOURCES, $arguments->has(...)));
        if ($isConfigUsed && count($given) === 2) {
            $given = array_values(array_diff($given, [self::CONFIG]));
        }
        if (count($given) !== 1) {
            throw new UsageError('Exactly one key goes here: --' . implode(', --', self::SOURCES) . '.');
        }
        if ($arguments->has('key-id') && $given[0] !== self::CONFIG) {
            throw new UsageError('--key-id goes with --config.');
        }
        $value = $arguments->required($given[0]);
        $key = match ($given[0]) {
            'key-file' => KeySource::file($value)->load(),
            'key-env' => KeySource::env($value)->load(),
            'encryption-key-file' => self::fromEncryptionKeyFile($value),
            'encryption-key-env' => KeySource::typo3((string) getenv($value, true))->load(),
            self::CONFIG => self::configured(ConfigFile::read($value), $arguments->value('key-id'))->load(),
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
