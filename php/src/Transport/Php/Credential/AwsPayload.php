<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\CredentialReference;
use Netresearch\NrVault\Transport\Php\Policy\BindingRules;
use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

/**
 * The payload of a key of AWS. Only the library signs. A payload that it would refuse must not be sealed, so it is checked here as
 * well.
 *
 * @internal
 */
final class AwsPayload
{
    /** Bytes of a secret key at least. */
    private const SHORTEST_KEY = 8;

    /** Seconds for which a signature in the query is good, at most. */
    private const LONGEST_LIFETIME = 604_800;

    /** Seconds for which a role's keys may be asked for. */
    private const ROLE_LIFETIME = [900, 43_200];

    /** What STS takes. */
    private const IN_EXCHANGE = [
        'role_arn' => ['/\Aarn:[\x21-\x7E]{16,2044}\z/', 'is no ARN of a role: arn:aws:iam::123456789012:role/NAME'],
        'session_name' => ['/\A[A-Za-z0-9_+=,.@-]{2,64}\z/', 'has not 2 to 64 letters, digits and _+=,.@-'],
        'external_id' => ['/\A[A-Za-z0-9_+=,.@:\/-]{2,1224}\z/', 'has not 2 to 1224 letters, digits and _+=,.@:/-'],
        'region' => ['/\A[a-z0-9-]+\z/', 'is no name of lower-case letters, digits and hyphens'],
    ];

    /**
     * @return BindingRules|null its binding
     * @throws InvalidPayload
     */
    public static function check(#[\SensitiveParameter] string $document): ?BindingRules
    {
        $places = Payload::fields(CredentialReference::AWS_SIGV4, $document);
        $value = PayloadValues::of($document, $places);
        if (!self::isText($value('access_key_id', null), '~\A(?:(?![/,=])[\x21-\x7E])+\z~')) {
            throw new InvalidPayload('"access_key_id" is empty, or holds a blank, a slash, a comma or an equals sign');
        }
        foreach (['region', 'service'] as $name) {
            if (!self::isText($value($name, null), '/\A[a-z0-9-]+\z/')) {
                throw new InvalidPayload('"' . $name . '" is no name of lower-case letters, digits and hyphens');
            }
        }
        $secret = Payload::text($document, $places, 'secret_access_key');
        $length = strlen($secret->expose());
        $secret->wipe();
        if ($length < self::SHORTEST_KEY) {
            throw new InvalidPayload('"secret_access_key" has fewer than ' . self::SHORTEST_KEY . ' bytes');
        }
        if (isset($places['session_token'])) {
            $token = Payload::text($document, $places, 'session_token');
            $isToken = preg_match('/\A[\x21-\x7E]+\z/', $token->expose()) === 1;
            $token->wipe();
            if (!$isToken) {
                throw new InvalidPayload('"session_token" is empty or no printable ASCII');
            }
        }
        $isUnsigned = $value('unsigned_payload', false);
        if (!is_bool($isUnsigned) || $isUnsigned && $value('service', null) !== CredentialReference::S3) {
            throw new InvalidPayload('"unsigned_payload" is true or false, and true for the service s3 alone');
        }
        self::checkPlace($document, $places, $value, $isUnsigned);
        PayloadValues::demandHosts($document, $places, 'that signs');
        $binding = Payload::binding($document, $places);
        if (isset($places['exchange'])) {
            self::checkExchange(substr($document, ...$places['exchange']), $binding);
        }
        return $binding;
    }

    private static function checkExchange(#[\SensitiveParameter] string $exchange, ?BindingRules $binding): void
    {
        $places = Payload::members($exchange, ['url', 'lifetime', ...array_keys(self::IN_EXCHANGE)], '"exchange"');
        $value = PayloadValues::of($exchange, $places);
        foreach (self::IN_EXCHANGE as $name => [$pattern, $fault]) {
            if ((isset($places[$name]) || $name === 'role_arn') && !self::isText($value($name, null), $pattern)) {
                throw new InvalidPayload('"exchange.' . $name . '" ' . $fault);
            }
        }
        [$shortest, $longest] = self::ROLE_LIFETIME;
        PayloadValues::checkLifetime($exchange, $places, $longest, $shortest, 'exchange.lifetime');
        TokenPayload::checkEndpoint('exchange.url', $value('url', ''), $binding);
    }

    /**
     * @param array<string, array{int, int}> $places
     * @param \Closure(string, mixed): mixed $value
     */
    private static function checkPlace(#[\SensitiveParameter] string $document, array $places, \Closure $value, bool $isUnsigned): void
    {
        $isQuery = PayloadValues::oneOf('in', $value('in', 'header'), ['header', 'query']) === 'query';
        if ($isQuery && !$isUnsigned && $value('service', null) === CredentialReference::S3) {
            throw new InvalidPayload('"unsigned_payload" is true where a signature for s3 is in the query: it signs no body');
        }
        if (!isset($places['lifetime'])) {
            return;
        }
        PayloadValues::checkLifetime($document, $places, self::LONGEST_LIFETIME);
        if (!$isQuery) {
            throw new InvalidPayload('"lifetime" is for a signature in the query');
        }
    }

    private static function isText(mixed $text, string $pattern): bool
    {
        return is_string($text) && preg_match($pattern, $text) === 1;
    }
}
