<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * Which addresses are public. Everything else is refused, and the refusal says why.
 *
 * IPv4 is public outside the ranges of IANA's special-purpose registry; IPv6 is public inside 2000::/3 without the special ranges
 * there. An IPv6 address that embeds an IPv4 address reaches the latter, so the latter decides.
 *
 * @internal
 */
final class AddressRules
{
    private const GLOBAL_UNICAST = '2000::/3';

    /** The first network that holds the address gives the reason, so single addresses come first. */
    private const V4 = [
        '169.254.169.254/32' => AddressReason::Metadata,
        '169.254.170.2/32' => AddressReason::Metadata,
        '100.100.100.200/32' => AddressReason::Metadata,
        '192.0.0.192/32' => AddressReason::Metadata,
        '168.63.129.16/32' => AddressReason::Platform,
        '0.0.0.0/8' => AddressReason::Unspecified,
        '10.0.0.0/8' => AddressReason::Private,
        '100.64.0.0/10' => AddressReason::Shared,
        '127.0.0.0/8' => AddressReason::Loopback,
        '169.254.0.0/16' => AddressReason::LinkLocal,
        '172.16.0.0/12' => AddressReason::Private,
        '192.0.0.0/24' => AddressReason::Reserved,
        '192.0.2.0/24' => AddressReason::Documentation,
        '192.31.196.0/24' => AddressReason::Reserved,
        '192.52.193.0/24' => AddressReason::Reserved,
        '192.88.99.0/24' => AddressReason::Reserved,
        '192.168.0.0/16' => AddressReason::Private,
        '192.175.48.0/24' => AddressReason::Reserved,
        '198.18.0.0/15' => AddressReason::Benchmarking,
        '198.51.100.0/24' => AddressReason::Documentation,
        '203.0.113.0/24' => AddressReason::Documentation,
        '224.0.0.0/4' => AddressReason::Multicast,
        '240.0.0.0/4' => AddressReason::Reserved,
    ];

    /** As V4. Teredo, 6to4 and other forms whose embedded IPv4 address decides are handled before. */
    private const V6 = [
        'fd00:ec2::254/128' => AddressReason::Metadata,
        'fd20:ce::254/128' => AddressReason::Metadata,
        '::/128' => AddressReason::Unspecified,
        '::1/128' => AddressReason::Loopback,
        // IPv4-compatible, IPv4-translated (SIIT) and local-use NAT64.
        '::/96' => AddressReason::EmbeddedIpv4,
        '::ffff:0:0:0/96' => AddressReason::EmbeddedIpv4,
        '64:ff9b:1::/48' => AddressReason::EmbeddedIpv4,
        '2001:2::/48' => AddressReason::Benchmarking,
        '2001::/23' => AddressReason::Reserved,
        '2001:db8::/32' => AddressReason::Documentation,
        '2620:4f:8000::/48' => AddressReason::Reserved,
        '3fff::/20' => AddressReason::Documentation,
        'fc00::/7' => AddressReason::Private,
        'fe80::/10' => AddressReason::LinkLocal,
        'fec0::/10' => AddressReason::Private,
        'ff00::/8' => AddressReason::Multicast,
    ];

    /** Why the address is not public; null if it is. */
    public static function classify(Address $address): ?AddressReason
    {
        if (!$address->isV6()) {
            return self::find(self::V4, $address);
        }
        $groups = $address->groups();
        return match (true) {
            // IPv4-mapped, and NAT64's well-known prefix (RFC 6052).
            array_slice($groups, 0, 6) === [0, 0, 0, 0, 0, 0xffff],
            array_slice($groups, 0, 6) === [0x64, 0xff9b, 0, 0, 0, 0] => self::embedded($groups[6], $groups[7]),
            // Teredo: traffic goes through the server to the client, whose address is stored inverted (RFC 4380).
            $groups[0] === 0x2001 && $groups[1] === 0 => self::embedded($groups[2], $groups[3])
                ?? self::embedded($groups[6] ^ 0xffff, $groups[7] ^ 0xffff),
            // 6to4; behind the gateway, the interface identifier may be of ISATAP.
            $groups[0] === 0x2002 => self::embedded($groups[1], $groups[2]) ?? self::isatap($groups),
            default => self::find(self::V6, $address)
                ?? (self::network(self::GLOBAL_UNICAST)->contains($address) ? null : AddressReason::NotGlobalUnicast)
                ?? self::isatap($groups),
        };
    }

    /**
     * ISATAP is possible under any prefix. Two bits of its marker vary: universal or local, group or individual (RFC 5214).
     *
     * @param list<int> $groups
     */
    private static function isatap(array $groups): ?AddressReason
    {
        $isMarked = in_array($groups[4], [0, 0x100, 0x200, 0x300], true) && $groups[5] === 0x5efe;
        return $isMarked ? self::embedded($groups[6], $groups[7]) : null;
    }

    private static function embedded(int $high, int $low): ?AddressReason
    {
        return self::find(self::V4, Address::ofHalves($high, $low));
    }

    /** @param array<string, AddressReason> $networks */
    private static function find(array $networks, Address $address): ?AddressReason
    {
        foreach ($networks as $text => $reason) {
            if (self::network($text)->contains($address)) {
                return $reason;
            }
        }
        return null;
    }

    private static function network(string $text): Network
    {
        /** @var array<string, Network> $read */
        static $read = [];
        return $read[$text] ??= Network::parse($text) ?? throw new \LogicException($text . ' is no network');
    }
}
