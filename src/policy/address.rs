//! Which addresses are public. Everything else is refused, and the refusal says why.
//!
//! IPv4 is public outside the ranges of IANA's special-purpose registry; IPv6 is public inside 2000::/3 without the special
//! ranges there. A form that embeds an IPv4 address reaches that address, so that address decides.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Why an address, or a name that means one, is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AddressReason {
    /// "This network", 0.0.0.0/8 and `::`; connecting there reaches the machine itself.
    Unspecified,
    /// The machine itself.
    Loopback,
    /// RFC 1918, unique local and the deprecated site local addresses.
    Private,
    /// Shared between a carrier and its customers (RFC 6598).
    Shared,
    /// The link the machine is on.
    LinkLocal,
    /// A cloud's metadata service, which hands out credentials.
    Metadata,
    /// A cloud platform's own endpoint at an address that looks public.
    Platform,
    /// Multicast.
    Multicast,
    /// For documentation.
    Documentation,
    /// For benchmarks.
    Benchmarking,
    /// Held by IANA for protocols or for later.
    Reserved,
    /// Embeds an IPv4 address in a form that reaches nothing public.
    EmbeddedIpv4,
    /// IPv6 outside 2000::/3.
    NotGlobalUnicast,
    /// Outside the networks configured for the internal host.
    OutsideNetworks,
}

impl AddressReason {
    /// The word used in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            AddressReason::Unspecified => "unspecified",
            AddressReason::Loopback => "loopback",
            AddressReason::Private => "private",
            AddressReason::Shared => "shared",
            AddressReason::LinkLocal => "link_local",
            AddressReason::Metadata => "metadata",
            AddressReason::Platform => "platform",
            AddressReason::Multicast => "multicast",
            AddressReason::Documentation => "documentation",
            AddressReason::Benchmarking => "benchmarking",
            AddressReason::Reserved => "reserved",
            AddressReason::EmbeddedIpv4 => "embedded_ipv4",
            AddressReason::NotGlobalUnicast => "not_global_unicast",
            AddressReason::OutsideNetworks => "outside_networks",
        }
    }
}

/// Why the address is not public, or `None` where it is.
pub fn classify(address: IpAddr) -> Option<AddressReason> {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> Option<AddressReason> {
    V4.iter().find(|(network, _)| network.contains(&address)).map(|(_, reason)| *reason)
}

fn classify_v6(address: Ipv6Addr) -> Option<AddressReason> {
    match address.segments() {
        // IPv4-mapped, and NAT64's well-known prefix (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => classify_v4(embedded(high, low)),
        // Teredo: traffic goes through the server to the client, whose address is stored inverted (RFC 4380).
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            classify_v4(embedded(server_high, server_low)).or_else(|| classify_v4(embedded(!high, !low)))
        }
        // 6to4; behind the gateway, the interface part may be of ISATAP.
        [0x2002, high, low, ..] => classify_v4(embedded(high, low)).or_else(|| classify_isatap(address)),
        _ => V6
            .iter()
            .find(|(network, _)| network.contains(&address))
            .map(|(_, reason)| *reason)
            .or_else(|| (!GLOBAL_UNICAST.contains(&address)).then_some(AddressReason::NotGlobalUnicast))
            .or_else(|| classify_isatap(address)),
    }
}

/// ISATAP lives under any prefix. The two bits that vary in its marker say universal or local, group or single (RFC 5214).
fn classify_isatap(address: Ipv6Addr) -> Option<AddressReason> {
    match address.segments() {
        [.., 0 | 0x0100 | 0x0200 | 0x0300, 0x5efe, high, low] => classify_v4(embedded(high, low)),
        _ => None,
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// The first network that holds the address gives the reason, so single addresses come first.
const V4: &[(Ipv4Net, AddressReason)] = &[
    (v4([169, 254, 169, 254], 32), AddressReason::Metadata),
    (v4([169, 254, 170, 2], 32), AddressReason::Metadata),
    (v4([100, 100, 100, 200], 32), AddressReason::Metadata),
    (v4([192, 0, 0, 192], 32), AddressReason::Metadata),
    (v4([168, 63, 129, 16], 32), AddressReason::Platform),
    (v4([0, 0, 0, 0], 8), AddressReason::Unspecified),
    (v4([10, 0, 0, 0], 8), AddressReason::Private),
    (v4([100, 64, 0, 0], 10), AddressReason::Shared),
    (v4([127, 0, 0, 0], 8), AddressReason::Loopback),
    (v4([169, 254, 0, 0], 16), AddressReason::LinkLocal),
    (v4([172, 16, 0, 0], 12), AddressReason::Private),
    (v4([192, 0, 0, 0], 24), AddressReason::Reserved),
    (v4([192, 0, 2, 0], 24), AddressReason::Documentation),
    (v4([192, 31, 196, 0], 24), AddressReason::Reserved),
    (v4([192, 52, 193, 0], 24), AddressReason::Reserved),
    (v4([192, 88, 99, 0], 24), AddressReason::Reserved),
    (v4([192, 168, 0, 0], 16), AddressReason::Private),
    (v4([192, 175, 48, 0], 24), AddressReason::Reserved),
    (v4([198, 18, 0, 0], 15), AddressReason::Benchmarking),
    (v4([198, 51, 100, 0], 24), AddressReason::Documentation),
    (v4([203, 0, 113, 0], 24), AddressReason::Documentation),
    (v4([224, 0, 0, 0], 4), AddressReason::Multicast),
    (v4([240, 0, 0, 0], 4), AddressReason::Reserved),
];

/// As `V4`. Teredo, 6to4 and the other forms that embed a judged IPv4 address never get here.
const V6: &[(Ipv6Net, AddressReason)] = &[
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128), AddressReason::Metadata),
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), AddressReason::Metadata),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), AddressReason::Unspecified),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), AddressReason::Loopback),
    // IPv4-compatible, IPv4-translated (SIIT) and local-use NAT64.
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), AddressReason::EmbeddedIpv4),
    (v6([0, 0, 0, 0, 0xffff, 0, 0, 0], 96), AddressReason::EmbeddedIpv4),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), AddressReason::EmbeddedIpv4),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), AddressReason::Benchmarking),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), AddressReason::Reserved),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), AddressReason::Documentation),
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), AddressReason::Reserved),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), AddressReason::Documentation),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), AddressReason::Private),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), AddressReason::LinkLocal),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), AddressReason::Private),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), AddressReason::Multicast),
];

// A prefix that is too long would not compile: both are evaluated in constants only.
const fn v4([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    #[test]
    fn the_reason_is_that_of_the_narrowest_range_and_of_the_embedded_address() {
        for (address, expected) in section::<Vec<(IpAddr, Option<String>)>>("reasons") {
            assert_eq!(classify(address).map(AddressReason::as_str), expected.as_deref(), "{address}");
        }
    }
}
