<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Cli;

use Netresearch\NrVault\Outbound\Cli\Console\Arguments;
use Netresearch\NrVault\Outbound\Cli\Console\UsageError;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Secret\Secret;
use Netresearch\NrVault\Transport\System\LocalFile;

/**
 * Makes a payload of the file that Google gives out for a service account. Where tokens are asked for is not taken from the file: who
 * can exchange it could have the assertions sent elsewhere.
 *
 * @internal
 */
final class GooglePayload
{
    public const FILE = 'google';
    public const OPTIONS = ['scope', 'target-audience', 'sub', 'host', 'token-url'];

    private const TOKEN_URL = 'https://oauth2.googleapis.com/token';

    /** Google takes no assertion that is valid for longer. */
    private const LIFETIME = 3600;

    private const MAX_BYTES = 65_536;

    /**
     * @throws UsageError
     */
    public static function of(Arguments $arguments): Secret
    {
        return self::make(
            self::file($arguments->required(self::FILE)),
            $arguments->values('scope'),
            $arguments->values('host'),
            array_filter([
                'target-audience' => $arguments->value('target-audience'),
                'sub' => $arguments->value('sub'),
                'token-url' => $arguments->value('token-url'),
            ], is_string(...)),
        );
    }

    /**
     * @param string $json what is in the file
     * @param list<string> $scopes
     * @param list<string> $hosts those of the API
     * @param array<string, string> $options the other OPTIONS, as far as they were given
     * @throws UsageError
     */
    public static function make(#[\SensitiveParameter] string $json, array $scopes, array $hosts, array $options): Secret
    {
        $account = self::account($json);
        $audience = $options['target-audience'] ?? null;
        if (($scopes === []) === ($audience === null)) {
            throw new UsageError('A service account of Google needs scopes (--scope), or for whom an ID token is asked (--target-audience).');
        }
        if ($hosts === []) {
            throw new UsageError('A service account of Google needs the hosts of the API (--host): the key is bound to them.');
        }
        $tokenUrl = $options['token-url'] ?? self::TOKEN_URL;
        $port = parse_url($tokenUrl, PHP_URL_PORT);
        $tokenHost = parse_url($tokenUrl, PHP_URL_HOST) . (is_int($port) ? ":$port" : '');
        $payload = [
            'type' => CredentialReference::OAUTH2_JWT_BEARER,
            'private_key' => $account['private_key'],
            'alg' => 'RS256',
            'iss' => $account['client_email'],
            'kid' => $account['private_key_id'],
            'sub' => $options['sub'] ?? null,
            'token_url' => $tokenUrl,
            'lifetime' => self::LIFETIME,
            'target_audience' => $audience,
            'claims' => $audience === null ? ['scope' => implode(' ', $scopes)] : null,
            'binding' => ['hosts' => array_values(array_unique([...$hosts, $tokenHost]))],
        ];
        $isThere = static fn (mixed $value): bool => $value !== null;
        $json = json_encode(array_filter($payload, $isThere), JSON_UNESCAPED_SLASHES);
        return new Secret($json !== false ? $json : throw new UsageError('What is given beside the file of a service account is no text in UTF-8.'));
    }

    /**
     * @throws UsageError
     */
    private static function file(string $path): string
    {
        $json = LocalFile::read(LocalFile::local($path), self::MAX_BYTES);
        return $json !== null && strlen($json) <= self::MAX_BYTES
            ? $json
            : throw new UsageError('The file of --google cannot be read, or is too long.');
    }

    /**
     * @return array{private_key: string, client_email: string, private_key_id: string}
     * @throws UsageError
     */
    private static function account(#[\SensitiveParameter] string $json): array
    {
        $account = json_decode($json, true);
        if (!is_array($account) || ($account['type'] ?? null) !== 'service_account') {
            throw new UsageError('The file is not that of a service account of Google: its "type" would be service_account.');
        }
        $texts = [];
        foreach (['private_key', 'client_email', 'private_key_id'] as $key) {
            $text = $account[$key] ?? null;
            $texts[$key] = is_string($text) && $text !== ''
                ? $text
                : throw new UsageError('The file of the service account has no "' . $key . '".');
        }
        return $texts;
    }
}
