<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Text;

/**
 * Lists of pairs of texts, the form of headers and query parameters.
 *
 * @internal
 */
final class Pairs
{
    /**
     * @return list<array{string, string}>|null null for anything else
     */
    public static function read(#[\SensitiveParameter] mixed $pairs): ?array
    {
        if (!is_array($pairs) || !array_is_list($pairs)) {
            return null;
        }
        $read = [];
        foreach ($pairs as $pair) {
            if (!is_array($pair) || !array_is_list($pair) || count($pair) !== 2) {
                return null;
            }
            [$name, $value] = $pair;
            if (!is_string($name) || !is_string($value)) {
                return null;
            }
            $read[] = [$name, $value];
        }
        return $read;
    }
}
