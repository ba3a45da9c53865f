<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Outbound\Call;

use Netresearch\NrVault\Outbound\Exception\OutboundException;
use Netresearch\NrVault\Transport\Text\Pairs;

/**
 * Reads header fields in the forms that a caller may use: a map of names to a value or a list of values, or a list of pairs.
 *
 * @internal
 */
final class HeaderPairs
{
    /**
     * @return list<array{string, string}>
     * @throws OutboundException invalid_request.malformed
     */
    public static function read(#[\SensitiveParameter] mixed $headers): array
    {
        if (!is_array($headers)) {
            throw OutboundException::malformed('the option headers is no array');
        }
        if (array_is_list($headers)) {
            return Pairs::read($headers) ?? throw OutboundException::malformed('the headers are a list, not of pairs');
        }
        $pairs = [];
        foreach ($headers as $name => $values) {
            foreach (is_array($values) ? $values : [$values] as $value) {
                if (!is_string($value) && !is_int($value)) {
                    // An invalid name may contain anything, so the message does not repeat it.
                    $isName = preg_match('/\A[A-Za-z0-9-]{1,64}\z/', (string) $name) === 1;
                    $of = $isName ? "the header \"$name\"" : 'a header';
                    throw OutboundException::malformed("the value of $of is no string");
                }
                $pairs[] = [(string) $name, (string) $value];
            }
        }
        return $pairs;
    }

    /**
     * @param list<array{string, string}> $pairs
     * @param string $name in lower case
     */
    public static function has(#[\SensitiveParameter] array $pairs, string $name): bool
    {
        return in_array($name, array_map(strtolower(...), array_column($pairs, 0)), true);
    }
}
