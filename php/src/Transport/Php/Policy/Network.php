<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * A network in CIDR notation. Bits behind the prefix do not count.
 *
 * @internal
 */
final readonly class Network
{
    private function __construct(private string $prefix, private int $bits)
    {
    }

    /** @return self|null null for what is not in CIDR notation */
    public static function parse(string $text): ?self
    {
        [$prefix, $length] = explode('/', $text, 2) + [1 => ''];
        $address = Address::parse($prefix);
        if ($address === null || preg_match($address->isV6() ? '/\A\d{1,3}\z/' : '/\A\d{1,2}\z/', $length) !== 1) {
            return null;
        }
        $bits = (int) $length;
        return $bits > 8 * strlen($address->bytes) ? null : new self($address->bytes, $bits);
    }

    /** An IPv4 network contains no IPv6 address, even if that embeds an IPv4 address. */
    public function contains(Address $address): bool
    {
        if (strlen($address->bytes) !== strlen($this->prefix)) {
            return false;
        }
        $whole = intdiv($this->bits, 8);
        if (strncmp($address->bytes, $this->prefix, $whole) !== 0) {
            return false;
        }
        $rest = $this->bits % 8;
        return $rest === 0 || (ord($address->bytes[$whole]) ^ ord($this->prefix[$whole])) >> (8 - $rest) === 0;
    }
}
