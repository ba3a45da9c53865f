//! Decides whether a request may go where it wants to go. Pure: no input, no output.
//!
//! [`decide`] judges a request before any credential is opened, [`Policy::redirect`] judges each hop after it. Both leave the
//! addresses to [`InternalHosts`], which is asked for the host first and again for everything it resolves to.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod address;
mod bound;
mod canonical;
mod destination;
mod headers;
mod host;
mod internal;
mod listing;
mod path;
mod redirect;
mod rules;
mod url;
#[cfg(test)]
pub(crate) mod vectors;

pub use address::{AddressReason, classify};
pub use bound::Bound;
pub use canonical::encode_component;
pub use headers::{check_headers, filled_with_key, is_connections, parse_headers, parse_method};
pub use host::{HostRule, parse_host, special_name};
pub use internal::{InternalHost, InternalHosts};
pub use path::PathPattern;
pub use redirect::Redirect;
pub use rules::Rules;
pub use url::{MAX_URL_BYTES, Origin, Scheme, Target};

pub use ::url::Host;

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use destination::{Destination, Wanted, check_below};
use http::{HeaderMap, HeaderName, Method};

use crate::document::{ByteLimit, PolicySpec, Request};
use crate::error::{Code, Error};

/// Whoever wants more attempts than this needs a queue rather than a call.
const MAX_ATTEMPTS: u32 = 10;

/// A breaker's time: up to a day.
const OPEN_MS: RangeInclusive<u64> = 1..=86_400_000;

/// What a decision rests on beside the request itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The configured hosts that are not public.
    pub internal_hosts: &'a InternalHosts,
    /// The configured ceiling of all hosts, where there is one.
    pub host_limit: Option<&'a Arc<Rules>>,
    /// The configured ceiling of a request's body.
    pub request_bytes: u64,
    /// The headers that credentials will fill.
    pub filled_headers: &'a [HeaderName],
}

/// A request that may be sent, once its addresses are judged too.
#[derive(Clone)]
pub struct Decision {
    /// What every redirect has to pass.
    pub policy: Policy,
    /// The method.
    pub method: Method,
    /// Where it goes, and by which pattern.
    pub admitted: Admitted,
    /// The header that an idempotency key goes into.
    pub idempotency_header: HeaderName,
    /// The caller's headers.
    pub headers: HeaderMap,
}

/// Without the headers: their values are nobody's business but the receiver's.
impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, method, admitted, idempotency_header: _, headers: _ } = self;
        let mut debug = f.debug_struct("Decision");
        debug.field("policy", policy).field("method", method).field("admitted", admitted).finish_non_exhaustive()
    }
}

/// A target that the policy allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The target.
    pub target: Target,
    /// The pattern of `allowed_paths` that matched, where the policy has any.
    pub path_template: Option<String>,
}

/// What can be said of a request before its path is looked at.
struct Approach<'a> {
    policy: Policy,
    method: Method,
    destination: Destination<'a>,
    idempotency_header: HeaderName,
    fills_credentials: bool,
    headers: HeaderMap,
}

impl<'a> Approach<'a> {
    fn of(request: &'a Request, context: &Context<'_>) -> Result<Self, Error> {
        let path = request.path.as_deref().unwrap_or_default();
        let query = request.query.as_deref().unwrap_or_default();
        let wanted = Wanted::parse(request.base_url.as_deref(), request.url.as_deref(), path, query)?;
        let method = parse_method(&request.method)?;
        let headers = parse_headers(&request.headers)?;
        let idempotency_header = headers::idempotency(request.idempotency_header.as_deref())?;
        let fills_credentials =
            request.idempotency_key.is_some() && context.filled_headers.contains(&idempotency_header);
        if !fills_credentials {
            headers::check_idempotency(&idempotency_header)?;
        }
        let Some(spec) = &request.policy else {
            return refuse(Code::PolicyMissing, "the request has no policy");
        };
        let mut policy = Policy::from_spec(spec)?;
        policy.host_limit = context.host_limit.cloned();

        let destination = wanted.destination()?;
        policy
            .rules
            .hosts
            .get_or_insert_with(|| destination.base().map(|base| HostRule::of(&base.origin)).into_iter().collect());
        policy.check_scheme(destination.origin(), context.internal_hosts)?;
        destination.check_origin()?;
        policy.check_host(destination.origin(), context.internal_hosts)?;
        policy.check_method(&method)?;
        Ok(Self { policy, method, destination, idempotency_header, fills_credentials, headers })
    }
}

/// Decides about a request, in the order in which the contract wants its errors (section 4.5): malformed, policy missing,
/// scheme, host, port, method, path not canonical, path, header, request size.
pub fn decide(request: &Request, body_bytes: u64, context: &Context<'_>) -> Result<Decision, Error> {
    let Approach { mut policy, method, destination, idempotency_header, fills_credentials, headers } =
        Approach::of(request, context)?;
    let (target, base_path) = destination.canonical(policy.allow_encoded_slash)?;
    check_below(&target, base_path.as_deref())?;
    policy.base_path = base_path;
    let admitted = policy.admit(target)?;

    let mut taken = context.filled_headers.to_vec();
    taken.extend(request.idempotency_key.is_some().then(|| idempotency_header.clone()));
    check_headers(&headers, &taken)?;
    if fills_credentials {
        return Err(headers::filled_with_key(&idempotency_header));
    }
    let own = request.policy.as_ref().and_then(|spec| spec.request_bytes).unwrap_or(u64::MAX);
    let own = ByteLimit { bytes: own, of: "policy.request_bytes" };
    let limit = own.least(ByteLimit { bytes: context.request_bytes, of: "limits.request_bytes" });
    if body_bytes > limit.bytes {
        return Err(Error::new(Code::RequestTooLarge, limit.exceeded_by("the body")));
    }
    Ok(Decision { policy, method, admitted, idempotency_header, headers })
}

/// Decides about the origin and the method of a request, whatever its path is: of a service that is looked at without a call.
pub fn decide_origin(request: &Request, context: &Context<'_>) -> Result<(Policy, Origin, Method), Error> {
    let Approach { policy, method, destination, .. } = Approach::of(request, context)?;
    Ok((policy, destination.origin().clone(), method))
}

/// Where a request wants to go, whether it may or not: for the record of a refusal.
pub fn origin(request: &Request) -> Option<Origin> {
    let wanted = destination::Wanted::parse(request.base_url.as_deref(), request.url.as_deref(), "", &[]).ok()?;
    Some(wanted.destination().ok()?.origin().clone())
}

/// A request's policy, read and complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    rules: Rules,
    /// What the configuration allows at most, whatever the policy says.
    host_limit: Option<Arc<Rules>>,
    /// What `allowed_paths` falls back to; without a base URL, to everything.
    base_path: Option<String>,
    allow_http: bool,
    allow_encoded_slash: bool,
}

impl Policy {
    /// Reads a policy. Without a method it would allow nothing, so that counts as none.
    ///
    /// It is not complete before [`decide`] has filled in what configuration and base URL say, so nobody else may have it.
    fn from_spec(spec: &PolicySpec) -> Result<Self, Error> {
        let rules = Rules::parse(
            spec.allowed_hosts.as_deref(),
            spec.allowed_methods.as_deref(),
            spec.allowed_paths.as_deref(),
        )?;
        if spec.timeout_ms == Some(0) || !(1..=MAX_ATTEMPTS).contains(&spec.max_attempts) {
            return Err(malformed("the policy's timeout_ms is at least 1 and max_attempts from 1 to 10"));
        }
        if spec.breaker.as_ref().is_some_and(|breaker| breaker.failures == 0 || !OPEN_MS.contains(&breaker.open_ms)) {
            return Err(malformed("the breaker's failures are at least 1 and its open_ms from 1 to 86400000"));
        }
        if rules.methods.as_ref().is_none_or(Vec::is_empty) {
            return refuse(Code::PolicyMissing, "the policy has no allowed_methods");
        }
        Ok(Self {
            rules,
            host_limit: None,
            base_path: None,
            allow_http: spec.allow_http,
            allow_encoded_slash: spec.allow_encoded_slash,
        })
    }

    /// Judges the origin of a request that the library makes on its own for this one, which `allowed_hosts` does not name:
    /// plain HTTP under the same condition as the request's own, the configured hosts only, and an internal host on its ports.
    pub fn check_errand(&self, origin: &Origin, internal_hosts: &InternalHosts) -> Result<(), Error> {
        self.check_scheme(origin, internal_hosts)?;
        self.check_host_limit(origin)?;
        check_internal_port(origin, internal_hosts)
    }

    fn check_scheme(&self, origin: &Origin, internal_hosts: &InternalHosts) -> Result<(), Error> {
        let may_be_plain = self.allow_http && internal_hosts.find(&origin.host, origin.port).is_some();
        match origin.scheme {
            Scheme::Http if !may_be_plain => refuse(
                Code::SchemeNotAllowed,
                "http is for internal hosts, and there only where the policy has allow_http",
            ),
            _ => Ok(()),
        }
    }

    fn check_host(&self, origin: &Origin, internal_hosts: &InternalHosts) -> Result<(), Error> {
        self.check_host_limit(origin)?;
        if self.rules.hosts.as_ref().is_some_and(Vec::is_empty) {
            return refuse(Code::HostNotAllowed, "no host is allowed: give allowed_hosts or base_url");
        }
        self.rules.allows_origin(origin)?;
        check_internal_port(origin, internal_hosts)
    }

    fn check_host_limit(&self, origin: &Origin) -> Result<(), Error> {
        match &self.host_limit {
            Some(limit) if limit.allows_origin(origin).is_err() => {
                refuse(Code::HostNotAllowed, "limits.hosts of the configuration does not name the host with this port")
            }
            _ => Ok(()),
        }
    }

    fn check_method(&self, method: &Method) -> Result<(), Error> {
        headers::check_method(method)?;
        self.rules.allows_method(method).map_err(|error| match &self.rules.methods {
            Some(methods) => {
                listing::refusal(error.code, "the method is not in allowed_methods", methods.iter().map(Method::as_str))
            }
            None => error,
        })
    }

    fn admit(&self, target: Target) -> Result<Admitted, Error> {
        let matched = self.rules.allows_path(target.path()).map_err(|error| match &self.rules.paths {
            Some(patterns) => listing::refusal(
                error.code,
                "the path matches no pattern of allowed_paths",
                patterns.iter().map(PathPattern::as_str),
            ),
            None => error,
        });
        let template = matched?.map(|pattern| pattern.as_str().to_owned());
        if self.rules.paths.is_none() {
            check_below(&target, self.base_path.as_deref())?;
        }
        Ok(Admitted { target, path_template: template })
    }
}

/// The resolver knows an internal host by its name alone, so its other ports may not fall back to public addresses.
fn check_internal_port(origin: &Origin, internal_hosts: &InternalHosts) -> Result<(), Error> {
    match internal_hosts.entry(&origin.host) {
        Some(entry) if !entry.has_port(origin.port) => {
            refuse(Code::PortNotAllowed, "the internal host has another port")
        }
        _ => Ok(()),
    }
}

fn malformed(message: &'static str) -> Error {
    Error::new(Code::Malformed, message)
}

fn refuse<T>(code: Code, message: &'static str) -> Result<T, Error> {
    Err(Error::new(code, message))
}
