<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Text;

/**
 * Names in messages: which known name is meant, and which names exist. An unknown name is repeated only if it has the form of a
 * name, because it may be a secret by mistake.
 *
 * @internal
 */
final class Names
{
    private const NAME = '/\A[A-Za-z][A-Za-z0-9._-]{0,63}\z/';

    /** More names make a line unreadable. */
    private const MOST = 8;

    /**
     * What is wrong with the first key that is not known, and what to write; null if all are.
     *
     * @param string $what such as "The policy"
     * @param array<mixed> $map
     * @param list<string> $known
     * @param string $kind what its keys are
     * @param array<string, string> $elsewhere what to use instead, for names that other libraries have
     */
    public static function unknown(
        string $what,
        #[\SensitiveParameter] array $map,
        array $known,
        string $kind = 'key',
        array $elsewhere = [],
    ): ?string {
        foreach ($map as $key => $value) {
            if (in_array($key, $known, true)) {
                continue;
            }
            if (preg_match(self::NAME, (string) $key) !== 1) {
                return "$what has an unknown $kind";
            }
            if (isset($elsewhere[$key])) {
                return "$what has the unknown $kind \"$key\": $elsewhere[$key] is for that";
            }
            $nearest = self::nearest((string) $key, $known);
            return "$what has the unknown $kind \"$key\"" . ($nearest === null ? '' : ": write \"$nearest\"");
        }
        return null;
    }

    /**
     * The known name that is most similar to this one; null if none is similar enough.
     *
     * @param list<string> $known
     */
    public static function nearest(string $name, array $known): ?string
    {
        $plain = static fn (string $text): string => strtolower(strtr($text, ['_' => '', '-' => '', '.' => '']));
        $name = $plain($name);
        $nearest = null;
        // Two letters in the wrong order count as two differences.
        $least = strlen($name) < 4 ? 2 : max(3, intdiv(strlen($name), 3) + 1);
        foreach (strlen($name) > 64 ? [] : $known as $candidate) {
            $other = $plain($candidate);
            $isPart = strlen($other) > 3 && str_starts_with($name, $other);
            $distance = $isPart ? 1 : levenshtein($name, $other);
            if ($distance < $least) {
                [$nearest, $least] = [$candidate, $distance];
            }
        }
        return $nearest;
    }

    /**
     * The existing names, with the meant one first.
     *
     * @param list<string> $names
     */
    public static function listed(string $meant, array $names): string
    {
        $names = array_values(array_filter($names, static fn (string $name): bool => preg_match(self::NAME, $name) === 1));
        $nearest = self::nearest($meant, $names);
        $others = array_filter($names, static fn (string $name): bool => $name !== $nearest);
        $ordered = $nearest === null ? $others : [$nearest, ...$others];
        $listed = array_slice($ordered, 0, self::MOST);
        $rest = count($ordered) - count($listed);
        return $listed === [] ? 'none' : '"' . implode('", "', $listed) . '"' . ($rest > 0 ? " and $rest more" : '');
    }
}
