<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

/**
 * The payload of an OAuth client: the client, the token endpoint, and the scopes. Only the library requests tokens. A payload
 * that it would refuse must not be sealed, so it is checked here as well.
 *
 * @internal
 */
final class ClientPayload
{
    /** RFC 6749 section 3.3. A scope with a space would be two scopes. */
    private const SCOPE = '/\A[\x21\x23-\x5B\x5D-\x7E]+\z/';

    /**
     * @return BindingRules|null its binding; null if it has none
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] string $document): ?BindingRules
    {
        $places = Payload::fields(CredentialReference::OAUTH2_CLIENT_CREDENTIALS, $document);
        foreach (['client_id', 'client_secret'] as $name) {
            if (Payload::text($document, $places, $name)->expose() === '') {
                throw new InvalidPayload('"' . $name . '" is empty');
            }
        }
        // Only values that are not secret are decoded; an absent value is the same as its default.
        $value = static fn (string $name, mixed $default): mixed
            => isset($places[$name]) ? json_decode(substr($document, ...$places[$name])) : $default;
        if (!self::isListOf($value('scopes', []), self::isScope(...))) {
            throw new InvalidPayload('"scopes" is no list of scopes, each without a blank');
        }
        $resource = $value('resource', []);
        if (!self::isText($resource) && !self::isListOf($resource, self::isText(...))) {
            throw new InvalidPayload('"resource" is neither a text nor a list of texts, or one of them is empty');
        }
        if (!self::isText($value('audience', 'any'))) {
            throw new InvalidPayload('"audience" is empty or no text');
        }
        if (!in_array($value('client_auth', 'body'), ['body', 'basic'], true)) {
            throw new InvalidPayload('"client_auth" is body or basic');
        }
        $tokenType = $value('token_type', '');
        if (!is_string($tokenType) || preg_match('/\A[\x21-\x7E]*\z/', $tokenType) !== 1) {
            throw new InvalidPayload('"token_type" is no name of a type, nor empty where the token endpoint gives none');
        }
        $binding = Payload::binding($document, $places);
        self::checkEndpoint($value('token_url', ''), $binding);
        return $binding;
    }

    private static function checkEndpoint(#[\SensitiveParameter] mixed $url, ?BindingRules $binding): void
    {
        if (!is_string($url) || $url === '') {
            throw new InvalidPayload('"token_url" is empty or no text');
        }
        try {
            $origin = Canonicalizer::fromUrl($url, 'it')->origin;
            $binding?->checkTokenEndpoint($origin);
        } catch (OutboundException $refusal) {
            throw new InvalidPayload('"token_url": ' . $refusal->reason());
        }
    }

    private static function isScope(mixed $scope): bool
    {
        return is_string($scope) && preg_match(self::SCOPE, $scope) === 1;
    }

    private static function isText(mixed $text): bool
    {
        return is_string($text) && $text !== '';
    }

    /**
     * @param \Closure(mixed): bool $fits
     */
    private static function isListOf(mixed $list, \Closure $fits): bool
    {
        return is_array($list) && array_filter($list, $fits) === $list;
    }
}
