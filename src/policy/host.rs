//! Hosts in one canonical form, the rules that name them, and the names that are refused without resolving them.

use url::Host;

use super::address::AddressReason;
use super::refusal::malformed;
use super::url::{Origin, Scheme};
use crate::error::Error;

/// Reads a host. Names are lower-case, after IDNA and without a trailing dot; an IPv6 address has brackets.
///
/// A spelling that two readers take for two hosts is refused: percent escapes, which WHATWG decodes and a resolver does not (a zone id
/// starts with one), and every spelling of an IPv4 address but the usual one. `010.010.010.010` is 8.8.8.8 for some and
/// 10.10.10.10 for others.
pub(super) fn parse_host(text: &str) -> Result<Host, Error> {
    if text.contains('%') {
        return Err(malformed("a host may not hold a percent sign"));
    }
    match Host::parse(text) {
        Ok(Host::Domain(name)) => canonical_name(&name).map(Host::Domain),
        Ok(Host::Ipv4(address)) if text.strip_suffix('.').unwrap_or(text) != address.to_string() => {
            Err(malformed("an IPv4 address must be four decimal numbers without leading zeros"))
        }
        Ok(literal) => Ok(literal),
        Err(_) => Err(malformed("a host is neither a name nor an address")),
    }
}

/// Reads `host` or `host:port`, the form of a URL's authority and of a rule.
pub(super) fn parse_host_and_port(text: &str) -> Result<(Host, Option<u16>), Error> {
    match text.rsplit_once(':') {
        // The colons of a bracketed address are its own.
        Some((host, port)) if !port.contains(']') => Ok((parse_host(host)?, Some(parse_port(port)?))),
        _ => Ok((parse_host(text)?, None)),
    }
}

fn parse_port(text: &str) -> Result<u16, Error> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    match text.parse() {
        Ok(port) if canonical => Ok(port),
        _ => Err(malformed("a port must be a number from 1 to 65535 without leading zeros")),
    }
}

fn canonical_name(name: &str) -> Result<String, Error> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let sound = name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
        });
    if sound {
        Ok(name.to_owned())
    } else {
        Err(malformed(
            "a host name has a label that is empty, too long, not of letters, digits, - and _, or has - at an end",
        ))
    }
}

/// Names of the machine itself or of a cloud's metadata service, whatever a resolver makes of them.
pub(super) fn special_name(host: &Host) -> Option<AddressReason> {
    let Host::Domain(name) = host else { return None };
    let last_label = name.rsplit('.').next();
    if last_label == Some("localhost") || LOOPBACK_NAMES.contains(&name.as_str()) {
        Some(AddressReason::Loopback)
    } else if METADATA_NAMES.contains(&name.as_str()) {
        Some(AddressReason::Metadata)
    } else {
        None
    }
}

// Beside `localhost` and everything below it (RFC 6761): what distributions write into their hosts files.
const LOOPBACK_NAMES: &[&str] = &["localhost.localdomain", "localhost6", "ip6-localhost", "ip6-loopback"];

const METADATA_NAMES: &[&str] = &[
    "metadata",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.azure.internal",
    "metadata.oraclecloud.com",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
];

/// An entry of `allowed_hosts`, or of a binding's hosts: a host or everything below a name, on one port or on the scheme's
/// own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRule {
    /// The only scheme, where the rule is for one.
    scheme: Option<Scheme>,
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Exactly(Host),
    /// Holds the name with its leading dot.
    Below(String),
}

impl HostRule {
    /// Reads `host`, `host:port`, `*.example.com` or `[address]`; a port may follow each.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("*.") {
            None => {
                parse_host_and_port(text).map(|(host, port)| Self { scheme: None, hosts: Hosts::Exactly(host), port })
            }
            Some(rest) => match parse_host_and_port(rest)? {
                (Host::Domain(name), port) => Ok(Self { scheme: None, hosts: Hosts::Below(format!(".{name}")), port }),
                _ => Err(malformed("a host rule has a wildcard in front of an address")),
            },
        }
    }

    /// Reads a rule of a binding. Whoever sealed it did not see the policy, whose `allow_http` may come later, so the rule
    /// is for https unless it begins with `http://`.
    pub fn parse_sealed(text: &str) -> Result<Self, Error> {
        let (scheme, rest) = match text.strip_prefix("http://") {
            Some(rest) => (Scheme::Http, rest),
            None => (Scheme::Https, text),
        };
        Ok(Self { scheme: Some(scheme), ..Self::parse(rest)? })
    }

    /// The rule that this origin's host and port fulfil and nothing else.
    pub fn of(origin: &Origin) -> Self {
        Self { scheme: None, hosts: Hosts::Exactly(origin.host.clone()), port: Some(origin.port) }
    }

    /// Whether the rule has a port of its own.
    pub fn has_port(&self) -> bool {
        self.port.is_some()
    }

    /// Whether the rule names this host, on whatever port. A wildcard spans labels and leaves out the apex.
    pub fn names(&self, host: &Host) -> bool {
        match (&self.hosts, host) {
            (Hosts::Exactly(named), host) => named == host,
            (Hosts::Below(suffix), Host::Domain(name)) => name.ends_with(suffix.as_str()),
            (Hosts::Below(_), _) => false,
        }
    }

    /// Whether the rule allows this origin: its host, its port, and its scheme where the rule is for one.
    pub fn allows(&self, origin: &Origin) -> bool {
        self.scheme.is_none_or(|scheme| scheme == origin.scheme) && self.allows_in_any_scheme(origin)
    }

    /// Whether the rule allows this origin, its scheme aside.
    pub(super) fn allows_in_any_scheme(&self, origin: &Origin) -> bool {
        self.names(&origin.host) && origin.port == self.port.unwrap_or(origin.scheme.default_port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;
    use crate::policy::vectors::section;

    #[test]
    fn hosts_have_one_form() {
        for (text, expected) in section::<Vec<(String, Option<String>)>>("hosts") {
            let found = parse_host(&text).map(|host| host.to_string()).map_err(|error| error.code);
            assert_eq!(found, expected.ok_or(Code::Malformed), "{text:?}");
        }
    }

    #[test]
    fn ports_have_one_form() {
        for (text, expected) in section::<Vec<(String, Option<u16>)>>("ports") {
            // The vectors have 0 where there is no port.
            let found = parse_host_and_port(&text).map(|(_, port)| port.unwrap_or(0)).map_err(|error| error.code);
            assert_eq!(found, expected.ok_or(Code::Malformed), "{text:?}");
        }
    }

    #[test]
    fn a_sealed_host_is_for_one_scheme() {
        for (rule, url, expected) in section::<Vec<(String, String, Option<bool>)>>("sealed_hosts") {
            let target = crate::policy::Target::from_url(&url, None, false).expect("canonical");
            let allows = HostRule::parse_sealed(&rule).ok().map(|rule| rule.allows(target.origin()));
            assert_eq!(allows, expected, "{rule} for {url}");
        }
    }

    #[test]
    fn special_names_are_known_without_resolving() {
        for (text, expected) in section::<Vec<(String, Option<String>)>>("special_names") {
            let reason = special_name(&parse_host(&text).expect("a host")).map(AddressReason::as_str);
            assert_eq!(reason, expected.as_deref(), "{text}");
        }
    }
}
