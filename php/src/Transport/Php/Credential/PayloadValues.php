<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Credential;

use Netresearch\NrVault\Transport\Php\Policy\InvalidPayload;

/**
 * The values of a payload that are not secret, and what is asked of them.
 *
 * @internal
 */
final class PayloadValues
{
    /**
     * Gives the decoded value of a key, or the default; an absent value is the same as its default. Only for values that are not secret.
     *
     * @param array<string, array{int, int}> $places
     * @return \Closure(string, mixed): mixed
     */
    public static function of(#[\SensitiveParameter] string $document, array $places): \Closure
    {
        return static fn (string $name, mixed $default): mixed
            => isset($places[$name]) ? json_decode(substr($document, ...$places[$name])) : $default;
    }

    /**
     * @param list<string> $known
     * @throws InvalidPayload
     */
    public static function oneOf(string $name, mixed $value, array $known): string
    {
        return is_string($value) && in_array($value, $known, true)
            ? $value
            : throw new InvalidPayload('"' . $name . '" is one of ' . implode(', ', $known));
    }

    /**
     * Checks "lifetime", where there is one.
     *
     * @param array<string, array{int, int}> $places
     * @param int $longest seconds
     * @param int $shortest seconds
     * @param string $name its key, for the message
     * @throws InvalidPayload
     */
    public static function checkLifetime(
        #[\SensitiveParameter] string $document,
        array $places,
        int $longest,
        int $shortest = 1,
        string $name = 'lifetime',
    ): void {
        $lifetime = isset($places['lifetime']) ? substr($document, ...$places['lifetime']) : (string) $shortest;
        $isWhole = preg_match('/\A[1-9][0-9]{0,6}\z/', $lifetime) === 1;
        if (!$isWhole || (int) $lifetime < $shortest || (int) $lifetime > $longest) {
            throw new InvalidPayload('"' . $name . '" is no whole number of seconds from ' . $shortest . ' to ' . $longest);
        }
    }

    /**
     * Refuses a payload with a key that may be used for any host.
     *
     * @param array<string, array{int, int}> $places
     * @param string $which such payloads, for the message
     * @throws InvalidPayload
     */
    public static function demandHosts(#[\SensitiveParameter] string $document, array $places, string $which): void
    {
        $binding = self::of($document, $places)('binding', null);
        if (!$binding instanceof \stdClass || !isset($binding->hosts)) {
            throw new InvalidPayload('a payload ' . $which . ' needs "binding.hosts"');
        }
    }
}
