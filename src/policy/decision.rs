//! The decision about a request, in the order of errors of `docs/wire.md`.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method};

use super::alternative::{self, Alternative};
use super::destination::{Destination, Wanted, check_below};
use super::headers::{self, check_headers, parse_headers, parse_method};
use super::host::HostRule;
use super::internal::InternalHosts;
use super::refusal::refuse;
use super::rules::Rules;
use super::service::{Admitted, Policy};
use super::url::Origin;
use crate::document::{ByteLimit, Request};
use crate::error::{Code, Error};

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
    /// Where it goes instead, if the secret ends so; the first that fits counts.
    pub alternatives: Vec<Alternative<Admitted>>,
}

/// Without the headers: their values are nobody's business but the receiver's.
impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, method, admitted, idempotency_header: _, headers: _, alternatives: _ } = self;
        let mut debug = f.debug_struct("Decision");
        debug.field("policy", policy).field("method", method).field("admitted", admitted).finish_non_exhaustive()
    }
}

/// What is known of a request before its path is judged.
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
        alternative::check_form(&request.alternatives)?;
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

/// Decides about a request, whose first error counts: malformed, policy missing, scheme, host, port, method,
/// path not canonical, path, header, request size.
pub fn decide(request: &Request, body_bytes: u64, context: &Context<'_>) -> Result<Decision, Error> {
    let Approach { mut policy, method, destination, idempotency_header, fills_credentials, headers } =
        Approach::of(request, context)?;
    let (target, base_path) = destination.canonical(policy.allow_encoded_slash)?;
    check_below(&target, base_path.as_deref())?;
    policy.base_path = base_path;
    let admitted = policy.admit(target)?;
    let alternatives = alternative::admit_all(request, &policy, &admitted.target, context.internal_hosts)?;

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
    Ok(Decision { policy, method, admitted, idempotency_header, headers, alternatives })
}

/// Decides about the origin and the method of a request, whatever its path is: for a check of a service without a call.
pub fn decide_origin(request: &Request, context: &Context<'_>) -> Result<OriginDecision, Error> {
    let Approach { policy, method, destination, .. } = Approach::of(request, context)?;
    let alternatives = alternative::approach_all(request, &policy, context.internal_hosts)?;
    Ok(OriginDecision { policy, origin: destination.origin().clone(), method, alternatives })
}

/// The decision about a service that is checked without a call.
pub struct OriginDecision {
    /// What a token endpoint has to pass.
    pub policy: Policy,
    /// Where calls go.
    pub origin: Origin,
    /// The method.
    pub method: Method,
    /// Where calls go instead, if the secret ends so; the first that fits counts.
    pub alternatives: Vec<Alternative<Origin>>,
}

/// Where a request would go, whether it may or not: for the record of a refusal.
pub fn origin(request: &Request) -> Option<Origin> {
    let wanted = Wanted::parse(request.base_url.as_deref(), request.url.as_deref(), "", &[]).ok()?;
    Some(wanted.destination().ok()?.origin().clone())
}
