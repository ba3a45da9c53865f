<?php

declare(strict_types=1);

namespace Netresearch\NrVault\Transport\Php\Policy;

/**
 * Why an address, or a name that stands for one, is refused. Messages contain the value.
 *
 * @internal
 */
enum AddressReason: string
{
    /** "This network", 0.0.0.0/8 and ::; a connection to it reaches the machine itself. */
    case Unspecified = 'unspecified';
    case Loopback = 'loopback';
    /** RFC 1918, unique local and the deprecated site local addresses. */
    case Private = 'private';
    /** Shared between a carrier and its customers (RFC 6598). */
    case Shared = 'shared';
    case LinkLocal = 'link_local';
    /** A cloud's metadata service, which hands out credentials. */
    case Metadata = 'metadata';
    /** A cloud platform's own endpoint at an address that looks public. */
    case Platform = 'platform';
    case Multicast = 'multicast';
    case Documentation = 'documentation';
    case Benchmarking = 'benchmarking';
    /** Reserved by IANA for protocols or for future use. */
    case Reserved = 'reserved';
    /** Embeds an IPv4 address in a form that reaches nothing public. */
    case EmbeddedIpv4 = 'embedded_ipv4';
    /** IPv6 outside 2000::/3. */
    case NotGlobalUnicast = 'not_global_unicast';
    /** Outside the networks configured for the internal host. */
    case OutsideNetworks = 'outside_networks';
}
