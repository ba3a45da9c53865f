<?php

declare(strict_types=1);

namespace Netresearch\NrSecureOutbound\Configuration;

/**
 * The only hosts that may be called, in the form of "limits.hosts": host, host:port, or either with "*." in front.
 *
 * @internal
 */
final class HostList
{
    private const ENTRY = '/\A(\*\.)?(\[[0-9a-f:.]+\]|[^\s\/@?#\\\\:*\[\]]+)(:[0-9]{1,5})?\z/i';

    private const HTTPS = ':443';

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
                $common[] = self::common($one, $other);
            }
        }
        return array_values(array_unique(array_filter($common, is_string(...))));
    }

    /**
     * What both entries allow. An entry without a port means the default port of the scheme. If the other entry has the port of
     * https, the result is that port; with any other port, no entry can express what both allow.
     */
    private static function common(string $one, string $other): ?string
    {
        [$first, $port] = self::parts($one);
        [$second, $otherPort] = self::parts($other);
        $hosts = match (true) {
            self::covers($second, $first) => $first,
            self::covers($first, $second) => $second,
            default => null,
        };
        $ports = array_unique([$port, $otherPort]);
        sort($ports);
        return match (true) {
            $hosts === null => null,
            count($ports) === 1 => $hosts . $port,
            $ports === ['', self::HTTPS] => $hosts . self::HTTPS,
            default => null,
        };
    }

    /** Whether the wider pattern matches each host that the narrower one matches. */
    private static function covers(string $wider, string $narrower): bool
    {
        return $wider === $narrower
            || (str_starts_with($wider, '*.') && str_ends_with(ltrim($narrower, '*'), substr($wider, 1)));
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
