<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * The keys of a policy, and the form of each value: in a request, in a registry, and in PHP.
 *
 * @internal
 */
final class PolicyForm
{
    public const KEYS = [
        'allowed_hosts', 'allowed_methods', 'allowed_paths', 'allow_http', 'allow_encoded_slash', 'max_redirects', 'max_attempts',
        'breaker', 'timeout_ms', 'idle_timeout_ms', 'request_bytes', 'response_bytes', 'http_versions', 'http3',
    ];

    /** The versions of HTTP that a policy and the configuration can name. */
    public const HTTP_VERSIONS = ['3', '2', '1.1'];

    /** How it is known that an API has HTTP/3: the operator says so, or it does itself (RFC 7838). */
    public const HTTP3 = ['registered', 'alt-svc'];

    /** The smallest and the largest integer; readers of JSON disagree about larger ones. */
    private const NUMBERS = [
        'max_redirects' => [0, 4294967295],
        'max_attempts' => [1, Policy::MAX_ATTEMPTS],
        'timeout_ms' => [1, self::MAX_NUMBER],
        'idle_timeout_ms' => [1, self::MAX_NUMBER],
        'request_bytes' => [0, self::MAX_NUMBER],
        'response_bytes' => [0, self::MAX_NUMBER],
    ];

    private const MAX_NUMBER = 9007199254740991;

    /**
     * What is wrong with a value, as the end of a sentence that begins with its key.
     *
     * @param string $key one of KEYS
     */
    public static function fault(string $key, mixed $value): ?string
    {
        switch ($key) {
            case 'allow_http':
            case 'allow_encoded_slash':
                return is_bool($value) ? null : 'must be true or false';
            case 'breaker':
                return self::isBreaker($value) ? null
                    : 'must be {"failures", "open_ms"}: whole numbers from 1, open_ms up to a day';
            case 'http_versions':
                return self::faultOfVersions($value);
            case 'http3':
                return in_array($value, self::HTTP3, true) ? null : 'must be registered or alt-svc';
        }
        if (!isset(self::NUMBERS[$key])) {
            return self::isTexts($value) ? null : 'must be a list of texts';
        }
        [$least, $most] = self::NUMBERS[$key];
        if (is_int($value) && $value >= $least && $value <= $most) {
            return null;
        }
        return "must be a whole number from $least to $most";
    }

    /**
     * What is wrong with a list of versions of HTTP, as the end of a sentence that begins with its key.
     */
    public static function faultOfVersions(mixed $value): ?string
    {
        $isVersion = static fn (mixed $version): bool => in_array($version, self::HTTP_VERSIONS, true);
        $known = is_array($value) && array_is_list($value) ? array_filter($value, $isVersion) : null;
        return match (true) {
            $known === null || $known !== $value => 'must be a list of 3, 2 and 1.1, as texts',
            $value === [] => 'may not be empty',
            array_filter($known, static fn (mixed $version): bool => $version !== '3') === [] => 'needs 2 or 1.1 beside 3, which does not get through everywhere',
            default => null,
        };
    }

    private static function isTexts(mixed $value): bool
    {
        if (!is_array($value) || !array_is_list($value)) {
            return false;
        }
        // A loop and not a closure, since there may be a thousand patterns.
        foreach ($value as $text) {
            if (!is_string($text)) {
                return false;
            }
        }
        return true;
    }

    private static function isBreaker(mixed $value): bool
    {
        if (!is_array($value)) {
            return false;
        }
        try {
            Breaker::fromWire($value);
            return true;
        } catch (OutboundException) {
            return false;
        }
    }
}
