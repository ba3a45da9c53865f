//! Where a call goes, and by which rules it may be redirected.

use std::sync::Arc;

use http::Uri;

use crate::error::{Code, Error};
#[cfg(feature = "http3")]
use crate::policy::Origin;
use crate::policy::{Bound, InternalHosts, Policy, Target};

/// The way of a call: where it begins, and what every redirect has to pass.
pub struct Route {
    /// Where the request goes.
    pub target: Target,
    /// The policy.
    pub policy: Arc<Policy>,
    /// The configured hosts that are not public.
    pub internal_hosts: Arc<InternalHosts>,
    /// What the credentials are bound to.
    pub bounds: Vec<Bound>,
    /// Whether any credential is in the request.
    pub has_credential: bool,
    /// Whether one is in its query.
    pub fills_query: bool,
    /// Whether the request is signed, which it is for this URL alone.
    pub is_signed: bool,
    /// How many redirects are followed.
    pub max_redirects: u32,
}

#[cfg(feature = "http3")]
impl Route {
    /// Whether a request with this method may go to another port of its target's host: by the policy, and by what its credentials are
    /// bound to.
    pub fn allows_port(&self, target: &Target, method: &http::Method, port: u16) -> bool {
        let origin = Origin { port, ..target.origin().clone() };
        self.policy.allows_alternative(&origin, &self.internal_hosts)
            && self.bounds.iter().all(|bound| bound.allows_service(&origin, method).is_ok())
    }
}

/// The URL to send, its parts in memory of their own: the pool keeps an origin as long as connections to it, and would keep
/// the rest of the text with it, a secret in the query included.
pub fn uri(target: &Target, query: Option<&str>) -> Result<Uri, Error> {
    let unusable = |_| Error::new(Code::PathNotCanonical, "the URL cannot be sent as it is");
    let origin = target.origin();
    Uri::builder()
        .scheme(origin.scheme.as_str())
        .authority(origin.authority())
        .path_and_query(target.path_and_query(query))
        .build()
        .map_err(unusable)
}
