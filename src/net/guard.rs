//! The address guard at the place where sockets are made.

use std::net::IpAddr;
use std::sync::Arc;

use url::Host;

use super::resolve::Lookups;
use crate::error::Error;
use crate::policy::InternalHosts;

/// Resolves and judges in one step. What it returns is the only list that is dialled, and it knows nothing of TCP.
#[derive(Clone)]
pub struct Guard {
    internal: Arc<InternalHosts>,
}

impl Guard {
    /// A guard with these exceptions.
    pub fn new(internal: Arc<InternalHosts>) -> Self {
        Self { internal }
    }

    /// The addresses of a host, all of which may be dialled.
    pub async fn addresses(&self, host: &Host, lookups: &Lookups) -> Result<Vec<IpAddr>, Error> {
        self.unresolved(host)?;
        let addresses = match host {
            Host::Domain(name) => lookups.resolve(name).await?,
            Host::Ipv4(address) => vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => vec![IpAddr::V6(*address)],
        };
        self.internal.judge(host, &addresses)?;
        Ok(addresses)
    }

    /// Judges what can be judged of a host that the proxy resolves: its literal and its name.
    pub fn unresolved(&self, host: &Host) -> Result<(), Error> {
        self.internal.judge_host(host)
    }
}
