<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * An IP address. The text is read and written here and not by the system's functions: those differ between C libraries
 * in leading zeros, zone ids and the form of addresses that embed another.
 *
 * @internal
 */
final readonly class Address
{
    /**
     * @param string $bytes 4 or 16 bytes in network order
     */
    private function __construct(public string $bytes)
    {
    }

    /** @return self|null null for what is no address in dotted decimal or RFC 4291's form, zone ids included */
    public static function parse(string $text): ?self
    {
        $bytes = str_contains($text, ':') ? self::read6($text) : self::read4($text);
        return $bytes === null ? null : new self($bytes);
    }

    /** An IPv4 address by the two halves of its number. */
    public static function ofHalves(int $high, int $low): self
    {
        return new self(pack('n2', $high, $low));
    }

    public function isV6(): bool
    {
        return strlen($this->bytes) === 16;
    }

    public function equals(self $other): bool
    {
        return $this->bytes === $other->bytes;
    }

    /** As in RFC 5952, without a dotted decimal tail and without brackets. */
    public function text(): string
    {
        if (!$this->isV6()) {
            return implode('.', array_map(ord(...), str_split($this->bytes)));
        }
        $groups = $this->groups();
        [$start, $length] = self::longestZeros($groups);
        $texts = array_map(dechex(...), $groups);
        if ($length < 2) {
            return implode(':', $texts);
        }
        return implode(':', array_slice($texts, 0, $start)) . '::' . implode(':', array_slice($texts, $start + $length));
    }

    /** @return list<int> the eight groups of an IPv6 address */
    public function groups(): array
    {
        return array_map(static fn (string $group): int => ord($group[0]) << 8 | ord($group[1]), str_split($this->bytes, 2));
    }

    private static function read4(string $text): ?string
    {
        $octet = '(0|[1-9][0-9]{0,2})';
        if (preg_match("/\A$octet\.$octet\.$octet\.$octet\z/", $text, $found) !== 1) {
            return null;
        }
        $octets = array_map(intval(...), array_slice($found, 1));
        return max($octets) > 255 ? null : pack('C4', ...$octets);
    }

    private static function read6(string $text): ?string
    {
        $halves = explode('::', $text);
        if (count($halves) > 2) {
            return null;
        }
        $head = self::readGroups($halves[0], count($halves) === 1);
        $tail = self::readGroups($halves[1] ?? '', true);
        if ($head === null || $tail === null) {
            return null;
        }
        $missing = 16 - strlen($head . $tail);
        // A :: replaces at least one group.
        if (count($halves) === 1 ? $missing !== 0 : $missing < 2) {
            return null;
        }
        return $head . str_repeat("\0", $missing) . $tail;
    }

    /** @return string|null the bytes of groups between colons; the last may be an IPv4 address where that is allowed */
    private static function readGroups(string $text, bool $endsAddress): ?string
    {
        if ($text === '') {
            return '';
        }
        $groups = explode(':', $text);
        $bytes = '';
        foreach ($groups as $index => $group) {
            if (preg_match('/\A[0-9A-Fa-f]{1,4}\z/', $group) === 1) {
                $bytes .= pack('n', hexdec($group));
                continue;
            }
            $embedded = $endsAddress && $index === count($groups) - 1 ? self::read4($group) : null;
            if ($embedded === null) {
                return null;
            }
            $bytes .= $embedded;
        }
        return $bytes;
    }

    /**
     * @param list<int> $groups
     * @return array{int, int} where the first of the longest runs of zeros starts, and its length
     */
    private static function longestZeros(array $groups): array
    {
        $best = [0, 0];
        $length = 0;
        foreach ($groups as $index => $group) {
            $length = $group === 0 ? $length + 1 : 0;
            if ($length > $best[1]) {
                $best = [$index - $length + 1, $length];
            }
        }
        return $best;
    }
}
