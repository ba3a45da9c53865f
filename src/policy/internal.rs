//! The address guard: public addresses for everybody, others only for hosts that the configuration names.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Host;

use super::address::{AddressReason, classify};
use super::host::{parse_host, special_name};
use crate::document::InternalHostSpec;
use crate::error::{Code, Error};

/// A host that may have addresses which are not public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InternalHost {
    host: Host,
    networks: Vec<IpNet>,
    ports: Vec<u16>,
}

impl InternalHost {
    /// Reads an entry. Failures are the administrator's, so they are `configuration.invalid`.
    fn from_spec(index: usize, spec: &InternalHostSpec) -> Result<Self, Error> {
        // Beside a port an IPv6 address needs brackets; here nothing can follow it.
        let host = match spec.host.parse() {
            Ok(address) => Host::Ipv6(address),
            Err(_) => parse_host(&spec.host).map_err(|_| invalid(index, "host is neither a name nor an address"))?,
        };
        let networks = spec
            .networks
            .iter()
            .map(|network| parse_network(network).ok_or_else(|| invalid(index, "a network is not in CIDR notation")))
            .collect::<Result<Vec<IpNet>, Error>>()?;
        if networks.is_empty() || spec.ports.is_empty() || spec.ports.contains(&0) {
            return Err(invalid(index, "networks and ports may not be empty, and no port may be 0"));
        }
        let entry = Self { host, networks, ports: spec.ports.clone() };
        match literal(&entry.host) {
            Some(address) if !entry.holds(address) => Err(invalid(index, "the address lies outside its networks")),
            _ => Ok(entry),
        }
    }

    /// Whether this port of the host may be used.
    pub(super) fn has_port(&self, port: u16) -> bool {
        self.ports.contains(&port)
    }

    fn holds(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// The internal hosts of a configuration, and with them the judgement of every address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InternalHosts(Vec<InternalHost>);

impl InternalHosts {
    /// Reads the entries. A host may be listed once: a resolver that knows only the name could not choose between two.
    pub fn from_specs(specs: &[InternalHostSpec]) -> Result<Self, Error> {
        let mut hosts = Self::default();
        for (index, spec) in specs.iter().enumerate() {
            let entry = InternalHost::from_spec(index, spec)?;
            if hosts.entry(&entry.host).is_some() {
                return Err(invalid(index, "an earlier entry has the same host"));
            }
            hosts.0.push(entry);
        }
        Ok(hosts)
    }

    /// The entry of this host, whatever the port.
    pub(super) fn entry(&self, host: &Host) -> Option<&InternalHost> {
        self.0.iter().find(|entry| entry.host == *host)
    }

    /// The entry of this host, where it has this port.
    pub(super) fn find(&self, host: &Host, port: u16) -> Option<&InternalHost> {
        self.entry(host).filter(|entry| entry.has_port(port))
    }

    /// Judges what can be judged before a host is resolved: literal addresses, and names that mean one.
    pub fn judge_host(&self, host: &Host) -> Result<(), Error> {
        match (literal(host), special_name(host)) {
            (Some(address), _) => self.judge(host, &[address]),
            (None, Some(reason)) if self.entry(host).is_none() => Err(refused(reason)),
            _ => Ok(()),
        }
    }

    /// Judges everything that a host resolved to. One bad address among several refuses the host, and so does having none.
    ///
    /// The port does not matter here: the policy has already refused the other ports of an internal host.
    pub fn judge(&self, host: &Host, addresses: &[IpAddr]) -> Result<(), Error> {
        if addresses.is_empty() {
            return Err(Error::new(Code::AddressNotAllowed, "the host has no address"));
        }
        let reason = match self.entry(host) {
            // A public address is refused as well: it is not where the administrator said the host is.
            Some(entry) => {
                addresses.iter().any(|address| !entry.holds(*address)).then_some(AddressReason::OutsideNetworks)
            }
            None => addresses.iter().find_map(|address| classify(*address)),
        };
        reason.map_or(Ok(()), |reason| Err(refused(reason)))
    }
}

/// The crate takes `010.0.0.0` for 10.0.0.0, others for 8.0.0.0; the standard library refuses it.
fn parse_network(text: &str) -> Option<IpNet> {
    let (address, _) = text.split_once('/')?;
    address.parse::<IpAddr>().ok()?;
    text.parse().ok()
}

fn literal(host: &Host) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(*address)),
        Host::Ipv6(address) => Some(IpAddr::V6(*address)),
    }
}

fn refused(reason: AddressReason) -> Error {
    Error::new(Code::AddressNotAllowed, format!("an address of the host is not allowed: {}", reason.as_str()))
}

fn invalid(index: usize, why: &str) -> Error {
    Error::new(Code::ConfigurationInvalid, format!("internal_hosts[{index}]: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    fn spec(host: &str, networks: &[&str], ports: &[u16]) -> InternalHostSpec {
        let networks = networks.iter().map(|network| (*network).to_owned()).collect();
        InternalHostSpec { host: host.to_owned(), networks, ports: ports.to_vec() }
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    }

    #[test]
    fn an_internal_host_stays_in_its_networks() {
        let hosts = InternalHosts::from_specs(&[spec("Ollama.internal.", &["172.18.0.0/16", "fd12::/16"], &[11434])])
            .expect("valid");
        let host = parse_host("ollama.internal").expect("a host");
        for good in [&["172.18.0.5"][..], &["172.18.0.5", "fd12::1"]] {
            assert_eq!(hosts.judge(&host, &addresses(good)), Ok(()), "{good:?}");
        }
        for bad in [
            &["172.19.0.1"][..],
            &["172.18.0.5", "10.0.0.1"],
            &["8.8.8.8"],
            &["127.0.0.1"],
            &["::ffff:172.18.0.5"],
            &[],
        ] {
            assert_eq!(
                hosts.judge(&host, &addresses(bad)).map_err(|error| error.code),
                Err(Code::AddressNotAllowed),
                "{bad:?}"
            );
        }
        assert!(hosts.find(&host, 11434).is_some() && hosts.find(&host, 443).is_none());
    }

    #[test]
    fn another_host_needs_public_addresses_only() {
        let hosts = InternalHosts::default();
        let host = parse_host("example.com").expect("a host");
        assert_eq!(hosts.judge(&host, &addresses(&["93.184.216.34", "2606:4700::1"])), Ok(()));
        let refusal = hosts.judge(&host, &addresses(&["93.184.216.34", "10.1.2.3"])).expect_err("a private address");
        assert_eq!(refusal.message, "an address of the host is not allowed: private");
        assert!(hosts.judge(&host, &[]).is_err());
    }

    #[test]
    fn a_special_name_is_judged_by_its_entry_where_it_has_one() {
        let localhost = parse_host("localhost").expect("a host");
        assert!(InternalHosts::default().judge_host(&localhost).is_err());
        let hosts = InternalHosts::from_specs(&[spec("localhost", &["127.0.0.0/8"], &[8080])]).expect("valid");
        assert_eq!(hosts.judge_host(&localhost), Ok(()));
        assert!(hosts.judge_host(&parse_host("a.localhost").expect("a host")).is_err());
    }

    #[test]
    fn entries_that_cannot_be_meant_are_refused() {
        for (entry, is_sound) in section::<Vec<(InternalHostSpec, bool)>>("internal_hosts") {
            let read = InternalHost::from_spec(0, &entry).map(|_| ()).map_err(|error| error.code);
            assert_eq!(read, if is_sound { Ok(()) } else { Err(Code::ConfigurationInvalid) }, "{entry:?}");
        }
        let twice = [spec("a.internal", &["10.0.0.0/8"], &[80]), spec("A.internal", &["10.0.0.0/8"], &[81])];
        assert!(InternalHosts::from_specs(&twice).is_err());
    }
}
