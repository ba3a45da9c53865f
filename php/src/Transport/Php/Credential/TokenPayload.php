<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Php\Policy\Canonicalizer;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

/**
 * The payloads that a token is fetched or signed with. Only the library does so. A payload that it would refuse must not be sealed, so
 * it is checked here as well.
 *
 * @internal
 */
final class TokenPayload
{
    /** RFC 6749 section 3.3. A scope with a space would be two scopes. */
    private const SCOPE = '/\A[\x21\x23-\x5B\x5D-\x7E]+\z/';

    /**
     * @param string $type one of CredentialReference::FETCHING
     * @return BindingRules|null its binding; null if it has none
     * @throws InvalidPayload
     */
    public static function check(string $type, #[\SensitiveParameter] string $document): ?BindingRules
    {
        $places = Payload::fields($type, $document);
        $value = PayloadValues::of($document, $places);
        match ($type) {
            CredentialReference::OAUTH2_CLIENT_CREDENTIALS => ClientPayload::check($document, $places, $value),
            CredentialReference::OAUTH2_REFRESH_TOKEN => ConsentPayload::check($document, $places, $value),
            CredentialReference::JWT => JwtPayload::check($document, $places, $value),
            default => AssertionPayload::check($document, $places, $value),
        };
        if (!self::isListOf($value('scopes', []), self::isScope(...))) {
            throw new InvalidPayload('"scopes" is no list of scopes, each without a blank');
        }
        $tokenType = $value('token_type', '');
        if (!is_string($tokenType) || preg_match('/\A[\x21-\x7E]*\z/', $tokenType) !== 1) {
            throw new InvalidPayload('"token_type" is no name of a type, nor empty where the token endpoint gives none');
        }
        $binding = Payload::binding($document, $places);
        match (true) {
            $type !== CredentialReference::JWT => self::checkEndpoint('token_url', $value('token_url', ''), $binding),
            isset($places['exchange']) => self::checkEndpoint('exchange.url', JwtPayload::exchangeUrl($value), $binding),
            default => null,
        };
        return $binding;
    }

    public static function isText(mixed $text): bool
    {
        return is_string($text) && $text !== '';
    }

    /**
     * @param \Closure(mixed): bool $fits
     */
    public static function isListOf(mixed $list, \Closure $fits): bool
    {
        return is_array($list) && array_filter($list, $fits) === $list;
    }

    /**
     * @param string $name its key, for the message
     * @throws InvalidPayload if it is no URL that the library asks, or one that the binding does not allow
     */
    public static function checkEndpoint(string $name, #[\SensitiveParameter] mixed $url, ?BindingRules $binding): void
    {
        if (!is_string($url) || $url === '') {
            throw new InvalidPayload('"' . $name . '" is empty or no text');
        }
        try {
            $origin = Canonicalizer::fromUrl($url, 'it')->origin;
            $binding?->checkTokenEndpoint($origin);
        } catch (OutboundException $refusal) {
            throw new InvalidPayload('"' . $name . '": ' . $refusal->reason());
        }
    }

    private static function isScope(mixed $scope): bool
    {
        return is_string($scope) && preg_match(self::SCOPE, $scope) === 1;
    }
}
