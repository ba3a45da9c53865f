<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

use Netresearch\NrVault\Outbound\Exception\OutboundException;

/**
 * A host in canonical form: names are in lower case, converted by IDNA and without a trailing dot.
 *
 * @internal
 */
final readonly class Host
{
    // Beside localhost and everything below it (RFC 6761): what distributions write into their hosts files.
    private const LOOPBACK_NAMES = ['localhost.localdomain', 'localhost6', 'ip6-localhost', 'ip6-loopback'];

    private const METADATA_NAMES = [
        'metadata',
        'metadata.goog',
        'metadata.google.internal',
        'metadata.azure.internal',
        'metadata.oraclecloud.com',
        'metadata.tencentyun.com',
        'instance-data',
        'instance-data.ec2.internal',
    ];

    /** A label, which DNS limits to 63 characters. A hyphen at the beginning has a special meaning for libcurl. */
    private const LABEL = '(?!-)[a-z0-9_-]{1,63}(?<!-)';

    /**
     * @param string $text as in a URL: an IPv6 address has brackets
     * @param Address|null $address if the host is an address; null for a name
     */
    private function __construct(public string $text, public ?Address $address)
    {
    }

    /**
     * Reads a host.
     *
     * A text that different programs read as different hosts is refused: percent escapes, which WHATWG decodes and a resolver
     * does not (a zone id starts with one), and every form of an IPv4 address except the usual one. 010.010.010.010 is 8.8.8.8
     * for some programs and 10.10.10.10 for others.
     *
     * @throws OutboundException invalid_request.malformed
     */
    public static function parse(#[\SensitiveParameter] string $text): self
    {
        if (str_contains($text, '%')) {
            throw OutboundException::malformed('a host may not hold a percent sign');
        }
        if (str_starts_with($text, '[')) {
            $address = Address::parse(str_ends_with($text, ']') ? substr($text, 1, -1) : '');
            return $address?->isV6() === true ? self::ofAddress($address) : throw self::unreadable();
        }
        $name = Idna::toAscii($text);
        if ($name === null || $name === '') {
            throw self::unreadable();
        }
        if (self::endsInNumber($name)) {
            $address = Address::parse(self::withoutDot($text));
            return $address?->isV6() === false ? self::ofAddress($address) : throw OutboundException::malformed(
                'an IPv4 address must be four decimal numbers without leading zeros',
            );
        }
        $name = self::withoutDot($name);
        // The maximum length of a name in DNS.
        if (strlen($name) > 253 || preg_match('/\A' . self::LABEL . '(\.' . self::LABEL . ')*\z/', $name) !== 1) {
            throw OutboundException::malformed(
                'a host name has a label that is empty, too long, not of letters, digits, - and _, or has - at an end',
            );
        }
        return new self($name, null);
    }

    /**
     * Reads "host" or "host:port", the form of a URL's authority and of a rule.
     *
     * @return array{self, int|null}
     * @throws OutboundException invalid_request.malformed
     */
    public static function parseWithPort(#[\SensitiveParameter] string $text): array
    {
        $colon = strrpos($text, ':');
        // Colons within brackets belong to the address.
        if ($colon === false || str_contains(substr($text, $colon), ']')) {
            return [self::parse($text), null];
        }
        return [self::parse(substr($text, 0, $colon)), self::parsePort(substr($text, $colon + 1))];
    }

    public static function ofAddress(Address $address): self
    {
        return new self($address->isV6() ? '[' . $address->text() . ']' : $address->text(), $address);
    }

    public function isName(): bool
    {
        return $this->address === null;
    }

    public function equals(self $other): bool
    {
        return $this->text === $other->text;
    }

    /** The reason to refuse a name of the machine itself or of a cloud's metadata service, whatever it resolves to. */
    public function specialName(): ?AddressReason
    {
        if ($this->address !== null) {
            return null;
        }
        if (str_ends_with('.' . $this->text, '.localhost') || in_array($this->text, self::LOOPBACK_NAMES, true)) {
            return AddressReason::Loopback;
        }
        return in_array($this->text, self::METADATA_NAMES, true) ? AddressReason::Metadata : null;
    }

    private static function parsePort(#[\SensitiveParameter] string $text): int
    {
        if (preg_match('/\A[1-9][0-9]{0,4}\z/', $text) !== 1 || (int) $text > 65535) {
            throw OutboundException::malformed('a port must be a number from 1 to 65535 without leading zeros');
        }
        return (int) $text;
    }

    /** Whether WHATWG's parser takes the name for an IPv4 address in any notation. */
    private static function endsInNumber(string $name): bool
    {
        return preg_match('/(\A|\.)([0-9]+|0x[0-9a-f]*)\.?\z/', $name) === 1;
    }

    private static function withoutDot(string $name): string
    {
        return str_ends_with($name, '.') ? substr($name, 0, -1) : $name;
    }

    private static function unreadable(): OutboundException
    {
        return OutboundException::malformed('a host is neither a name nor an address');
    }
}
