<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Configuration;

/**
 * Hosts beyond which nothing goes, in the form of "limits.hosts": host, host:port, or either with "*." in front.
 *
 * @internal
 */
final class HostList
{
    private const ENTRY = '/\A(\*\.)?(\[[0-9a-f:.]+\]|[^\s\/@?#\\\\:*\[\]]+)(:[0-9]{1,5})?\z/i';

    public static function isEntry(string $entry): bool
    {
        return preg_match(self::ENTRY, $entry) === 1;
    }

    /**
     * What both lists allow; a list that is null allows all.
     *
     * @param list<string>|null $first
     * @param list<string>|null $second
     * @return list<string>|null
     */
    public static function intersection(?array $first, ?array $second): ?array
    {
        if ($first === null || $second === null) {
            return $first ?? $second;
        }
        $common = [];
        foreach ($first as $one) {
            foreach ($second as $other) {
                $common[] = match (true) {
                    self::covers($other, $one) => $one,
                    self::covers($one, $other) => $other,
                    default => null,
                };
            }
        }
        return array_values(array_unique(array_filter($common, is_string(...))));
    }

    /** Whether everything that one entry allows is allowed by another. */
    private static function covers(string $wider, string $narrower): bool
    {
        [$hosts, $port] = self::parts($wider);
        [$host, $ownPort] = self::parts($narrower);
        if ($port !== $ownPort) {
            return false;
        }
        return $hosts === $host
            || (str_starts_with($hosts, '*.') && str_ends_with(ltrim($host, '*'), substr($hosts, 1)) && $host !== substr($hosts, 2));
    }

    /**
     * @return array{string, string} host and port
     */
    private static function parts(string $entry): array
    {
        preg_match(self::ENTRY, strtolower($entry), $match);
        return [($match[1] ?? '') . rtrim($match[2] ?? '', '.'), $match[3] ?? ''];
    }
}
