//! What the policy of a service allows.

use std::ops::RangeInclusive;
use std::sync::Arc;

use http::{HeaderName, Method};

use super::canonical::Spelling;
use super::destination::{Base, check_below};
use super::headers;
use super::host::HostRule;
use super::internal::InternalHosts;
use super::refusal::{self, malformed, refuse};
use super::rules::Rules;
use super::url::{Origin, Scheme, Target};
use super::versions::Versions;
use crate::document::{AlternativeSpec, ByteLimit, CredentialSpec, Http3, PolicySpec, ServiceHead};
use crate::error::{Code, Error};

/// Whoever wants more attempts than this needs a queue rather than a call.
const MAX_ATTEMPTS: u32 = 10;

/// A breaker's time: up to a day.
const OPEN_MS: RangeInclusive<u64> = 1..=86_400_000;

/// A target that the policy allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// The target.
    pub target: Target,
    /// The pattern of `allowed_paths` that matched, where the policy has any.
    pub path_template: Option<String>,
}

/// A request's policy, read and complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(super) rules: Rules,
    /// What the configuration allows at most, whatever the policy says.
    host_limit: Option<Arc<Rules>>,
    /// What `allowed_paths` falls back to; without a base URL, to everything.
    pub(super) base_path: Option<String>,
    allow_http: bool,
    pub(super) spelling: Spelling,
    versions: Versions,
    http3: Option<Http3>,
}

/// What the configuration allows at most, whatever a policy says.
#[derive(Clone, Debug, Default)]
pub struct Ceiling {
    /// The hosts; without it all.
    pub hosts: Option<Arc<Rules>>,
    /// The versions of HTTP that go over TCP.
    pub versions: Versions,
    /// Whether HTTP/3 may be tried.
    pub http3: bool,
}

impl Policy {
    /// Reads a policy. One without a method would allow nothing, and counts as missing.
    fn from_spec(spec: &PolicySpec, base: Option<&Base>, ceiling: &Ceiling, is_s3: bool) -> Result<Self, Error> {
        let spelling = Spelling::of(spec.allow_encoded_slash, is_s3);
        let mut rules = Rules::parse(
            spec.allowed_hosts.as_deref(),
            spec.allowed_methods.as_deref(),
            spec.allowed_paths.as_deref(),
            spelling,
        )?;
        if spec.timeout_ms == Some(0) {
            return Err(malformed("timeout_ms of the policy must be at least 1"));
        }
        if spec.idle_timeout_ms == Some(0) {
            return Err(malformed("idle_timeout_ms of the policy must be at least 1"));
        }
        if !(1..=MAX_ATTEMPTS).contains(&spec.max_attempts) {
            return Err(malformed("max_attempts of the policy must be from 1 to 10"));
        }
        if let Some(breaker) = &spec.breaker {
            if breaker.failures == 0 {
                return Err(malformed("failures of the breaker must be at least 1"));
            }
            if !OPEN_MS.contains(&breaker.open_ms) {
                return Err(malformed("open_ms of the breaker must be from 1 to 86400000"));
            }
        }
        let versions = ceiling.versions.narrowed(spec)?;
        if rules.methods.as_ref().is_none_or(Vec::is_empty) {
            return refuse(Code::PolicyMissing, "the policy has no allowed_methods");
        }
        rules.hosts.get_or_insert_with(|| match base {
            Some(Base::Web { origin, .. }) => vec![HostRule::of(origin)],
            Some(Base::Foreign) | None => Vec::new(),
        });
        let base_path = base.and_then(|base| base.canonical_path(spelling).ok().flatten());
        let http3 = Versions::http3(spec).filter(|_| ceiling.http3);
        let (host_limit, allow_http) = (ceiling.hosts.clone(), spec.allow_http);
        Ok(Self { rules, host_limit, base_path, allow_http, spelling, versions, http3 })
    }

    /// The versions of HTTP that its requests may speak over TCP.
    pub fn versions(&self) -> Versions {
        self.versions
    }

    /// How its API is known to have HTTP/3, if that may be tried.
    pub fn http3(&self) -> Option<Http3> {
        self.http3
    }

    /// Judges the origin of a request that the library itself makes for this one, such as that for a token. `allowed_hosts`
    /// need not name it. Plain HTTP is allowed under the same condition as for this request, a host only where the
    /// configuration allows it, and an internal host only on its ports.
    pub fn check_own_request(&self, origin: &Origin, internal_hosts: &InternalHosts) -> Result<(), Error> {
        self.check_scheme(origin, internal_hosts)?;
        self.check_host_limit(origin)?;
        check_internal_port(origin, internal_hosts)
    }

    /// How its paths are spelt, and those of the bindings of its credentials.
    pub fn spelling(&self) -> Spelling {
        self.spelling
    }

    pub(super) fn check_scheme(&self, origin: &Origin, internal_hosts: &InternalHosts) -> Result<(), Error> {
        let may_be_plain = self.allow_http && internal_hosts.find(&origin.host, origin.port).is_some();
        match origin.scheme {
            Scheme::Http if !may_be_plain => refuse(
                Code::SchemeNotAllowed,
                "http is for internal hosts, and there only where the policy has allow_http",
            ),
            _ => Ok(()),
        }
    }

    pub(super) fn check_host(&self, origin: &Origin, internal_hosts: &InternalHosts) -> Result<(), Error> {
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

    /// Whether what goes to an origin may go to this one in its place, by the rules for its host and port alone.
    pub fn allows_alternative(&self, origin: &Origin, internal_hosts: &InternalHosts) -> bool {
        self.check_host(origin, internal_hosts).is_ok()
    }

    pub(super) fn check_method(&self, method: &Method) -> Result<(), Error> {
        headers::check_method(method)?;
        self.rules.allows_method(method).map_err(|error| match &self.rules.methods {
            Some(methods) => {
                refusal::listing(error.code, "the method is not in allowed_methods", methods.iter().map(Method::as_str))
            }
            None => error,
        })
    }

    pub(super) fn admit(&self, target: Target) -> Result<Admitted, Error> {
        let matched = self.rules.allows_path(target.path()).map_err(|error| match &self.rules.paths {
            Some(patterns) => {
                refusal::listing(error.code, "the path matches no pattern of allowed_paths", patterns.as_written())
            }
            None => error,
        });
        let template = matched?.map(|pattern| pattern.as_str().to_owned());
        if self.rules.paths.is_none() {
            check_below(&target, self.base_path.as_deref())?;
        }
        Ok(Admitted { target, path_template: template })
    }
}

/// What a service says of its requests, read once. What is wrong with it is told in its turn among the errors of a request.
#[derive(Clone, Debug)]
pub struct ServiceRules {
    pub(super) base: Result<Option<Base>, Error>,
    pub(super) spelling: Spelling,
    pub(super) idempotency_header: Result<HeaderName, Error>,
    pub(super) policy: Result<Arc<Policy>, Error>,
    pub(super) base_path: Result<Option<String>, Error>,
    pub(super) request_bytes: ByteLimit,
    /// Whether the policy has a list of hosts of its own.
    pub(super) names_hosts: bool,
    pub(super) alternatives: Vec<AlternativeSpec>,
}

impl ServiceRules {
    /// Reads them.
    pub fn of(service: &ServiceHead, ceiling: &Ceiling) -> Self {
        let base = service.base_url.as_deref().map(Base::parse).transpose();
        let known = base.as_ref().ok().and_then(Option::as_ref);
        let is_s3 = service.credentials.iter().any(CredentialSpec::is_s3);
        let policy = match &service.policy {
            Some(spec) => Policy::from_spec(spec, known, ceiling, is_s3).map(Arc::new),
            None => refuse(Code::PolicyMissing, "the request has no policy"),
        };
        let spelling = policy.as_ref().map_or(Spelling::of(false, is_s3), |policy| policy.spelling);
        let base_path = known.map(|base| base.canonical_path(spelling)).transpose().map(Option::flatten);
        let request_bytes = service.policy.as_ref().and_then(|spec| spec.request_bytes).unwrap_or(u64::MAX);
        Self {
            idempotency_header: headers::idempotency(service.idempotency_header.as_deref()),
            request_bytes: ByteLimit { bytes: request_bytes, of: "policy.request_bytes" },
            names_hosts: service.policy.as_ref().is_some_and(|spec| spec.allowed_hosts.is_some()),
            alternatives: service.alternatives.clone(),
            base,
            spelling,
            policy,
            base_path,
        }
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
