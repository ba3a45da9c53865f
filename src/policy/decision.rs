//! The decision about a request, in the order of errors of `docs/wire.md`.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, Method};

use super::alternative::{self, Alternative};
use super::canonical;
use super::destination::{Destination, Wanted, check_below};
use super::headers::{self, check_headers, parse_headers, parse_method};
use super::internal::InternalHosts;
use super::service::{Admitted, Policy, ServiceRules};
use super::url::Origin;
use crate::document::{ByteLimit, CallHead};
use crate::error::{Code, Error};

/// What a decision rests on beside the request itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The configured hosts that are not public.
    pub internal_hosts: &'a InternalHosts,
    /// The configured ceiling of a request's body.
    pub request_bytes: u64,
    /// The headers that credentials will fill.
    pub filled_headers: &'a [HeaderName],
    /// Whether a credential signs for AWS, whose parameters in the query are its own then.
    pub signs_for_aws: bool,
}

/// A request that may be sent, once its addresses are judged too.
pub struct Decision {
    /// What every redirect has to pass.
    pub policy: Arc<Policy>,
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
    policy: &'a Arc<Policy>,
    method: Method,
    destination: Destination<'a>,
    idempotency_header: HeaderName,
    fills_credentials: bool,
    headers: HeaderMap,
}

impl<'a> Approach<'a> {
    fn of(call: &'a CallHead, service: &'a ServiceRules, context: &Context<'_>) -> Result<Self, Error> {
        let path = call.path.as_deref().unwrap_or_default();
        let query = call.query.as_deref().unwrap_or_default();
        let base = service.base.as_ref().map_err(Error::clone)?;
        let wanted = Wanted::parse(base.as_ref(), call.url.as_deref(), path, query, service.spelling)?;
        alternative::check_form(&service.alternatives)?;
        let method = parse_method(&call.method)?;
        let headers = parse_headers(&call.headers)?;
        let idempotency_header = service.idempotency_header.clone()?;
        let fills_credentials = call.idempotency_key.is_some() && context.filled_headers.contains(&idempotency_header);
        if !fills_credentials {
            headers::check_idempotency(&idempotency_header)?;
        }
        let policy = service.policy.as_ref().map_err(Error::clone)?;

        let destination = wanted.destination()?;
        policy.check_scheme(destination.origin(), context.internal_hosts)?;
        destination.check_origin()?;
        policy.check_host(destination.origin(), context.internal_hosts)?;
        policy.check_method(&method)?;
        Ok(Self { policy, method, destination, idempotency_header, fills_credentials, headers })
    }
}

/// Decides about a request to a service, whose first error counts: malformed, policy missing, scheme, host, port, method,
/// path not canonical, path, header, request size.
pub fn decide(
    call: &CallHead,
    service: &ServiceRules,
    body_bytes: u64,
    context: &Context<'_>,
) -> Result<Decision, Error> {
    let Approach { policy, method, destination, idempotency_header, fills_credentials, headers } =
        Approach::of(call, service, context)?;
    let base_path = service.base_path.as_ref().map_err(Error::clone)?;
    let target = destination.canonical(policy.spelling)?;
    check_below(&target, base_path.as_deref())?;
    let admitted = policy.admit(target)?;
    let alternatives = alternative::admit_all(service, policy, &admitted.target, context.internal_hosts)?;

    let mut taken = context.filled_headers.to_vec();
    taken.extend(call.idempotency_key.is_some().then(|| idempotency_header.clone()));
    check_headers(&headers, &taken)?;
    if fills_credentials {
        return Err(headers::filled_with_key(&idempotency_header));
    }
    if context.signs_for_aws && admitted.target.query().is_some_and(canonical::has_amz_parameter) {
        let why = "the query has a parameter X-Amz-…, which the signature of a credential fills";
        return Err(Error::new(Code::PlacementConflict, why));
    }
    let limit = request_limit(service, context);
    if body_bytes > limit.bytes {
        return Err(Error::new(Code::RequestTooLarge, limit.exceeded_by("the body")));
    }
    let policy = Arc::clone(policy);
    Ok(Decision { policy, method, admitted, idempotency_header, headers, alternatives })
}

/// How long the body of a request may be.
pub fn request_limit(service: &ServiceRules, context: &Context<'_>) -> ByteLimit {
    service.request_bytes.least(ByteLimit { bytes: context.request_bytes, of: "limits.request_bytes" })
}

/// Decides about the origin and the method of a request, whatever its path is: for a check of a service without a call.
pub fn decide_origin(call: &CallHead, service: &ServiceRules, context: &Context<'_>) -> Result<OriginDecision, Error> {
    let Approach { policy, method, destination, .. } = Approach::of(call, service, context)?;
    let alternatives = alternative::approach_all(service, policy, context.internal_hosts)?;
    Ok(OriginDecision { policy: Arc::clone(policy), origin: destination.origin().clone(), method, alternatives })
}

/// The decision about a service that is checked without a call.
pub struct OriginDecision {
    /// What a token endpoint has to pass.
    pub policy: Arc<Policy>,
    /// Where calls go.
    pub origin: Origin,
    /// The method.
    pub method: Method,
    /// Where calls go instead, if the secret ends so; the first that fits counts.
    pub alternatives: Vec<Alternative<Origin>>,
}

/// Where a request would go, whether it may or not: for the record of a refusal.
pub fn origin(call: &CallHead, service: &ServiceRules) -> Option<Origin> {
    let base = service.base.as_ref().ok()?.as_ref();
    let wanted = Wanted::parse(base, call.url.as_deref(), "", &[], service.spelling).ok()?;
    Some(wanted.destination().ok()?.origin().clone())
}
