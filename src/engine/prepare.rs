//! From a request document to a request that may be sent, in the order of errors of `docs/wire.md`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::bearer::Bearer;
use super::breaker::{self, Breaker, Permit};
use super::transfer::Outgoing;
use super::{Call, Engine, again};
use crate::audit::Recorder;
use crate::credential::placement::{self, Draft};
use crate::credential::{Binding, ClientCredentials, Credential, Redactor};
use crate::document::{ByteLimit, CredentialKind, CredentialSpec, Request};
use crate::envelope::{self, MasterKey};
use crate::error::{Code, Error};
use crate::oauth::{Errand, Shared, SlotId, endpoint};
use crate::policy::{self, Bound, Context, Decision, Policy, Rules, Target};
use crate::sys::wiped;

/// A request that may be sent, credential included.
pub struct Prepared {
    /// What every redirect has to pass.
    pub policy: Policy,
    /// What the credentials are bound to.
    pub bindings: Vec<Bound>,
    /// Where the request goes.
    pub target: Target,
    /// The request itself.
    pub outgoing: Outgoing,
    /// Whether a credential stands in the query.
    pub fills_query: bool,
    /// Whether any credential is in it.
    pub has_credential: bool,
    /// Finds again what was put into it.
    pub redactor: Redactor,
    /// What the caller set, so that its echo is not taken for a secret's.
    pub callers_headers: HeaderMap,
    /// What the access token comes from, where one has to be fetched.
    pub bearer: Option<Bearer>,
    /// How many redirects are followed.
    pub max_redirects: u32,
    /// How many attempts are made.
    pub max_attempts: u32,
    /// Whether the request may be processed twice.
    pub harmless: bool,
    /// The service's breaker, where the policy has one.
    pub breaker: Option<Breaker>,
    /// Cap of the answer's body.
    pub response_bytes: ByteLimit,
    /// When the call ends.
    pub deadline: Instant,
}

/// Decides what can be decided of a request without opening, resolving and connecting.
pub fn decide(engine: &Engine, request: &Request, body_bytes: u64) -> Result<Decision, Error> {
    placement::check(&request.credentials)?;
    let filled_headers = placement::filled_headers(&request.credentials);
    policy::decide(request, body_bytes, &context(engine, &filled_headers))
}

/// Opens a request's credentials and judges what can be judged without its path: key, type, binding, expiry. They are wiped
/// where this returns.
pub fn check(engine: &Engine, request: &[u8], sealed: &[u8]) -> Result<(), Error> {
    let request = Request::parse(request)?;
    let specs = &request.credentials;
    let envelopes = split(sealed, specs.len())?;
    placement::check(specs)?;
    let filled_headers = placement::filled_headers(specs);
    let (policy, origin, method) = policy::decide_origin(&request, &context(engine, &filled_headers))?;
    let credentials = open(engine, specs, &envelopes)?;
    specs.iter().zip(&credentials).try_for_each(|(spec, credential)| {
        judge(engine, spec, credential, &policy, |bound| bound.allows_service(&origin, &method)).map(|_| ())
    })
}

fn context<'a>(engine: &'a Engine, filled_headers: &'a [HeaderName]) -> Context<'a> {
    let settings = &*engine.settings;
    Context {
        internal_hosts: &settings.internal_hosts,
        host_limit: settings.host_limit.as_ref(),
        request_bytes: settings.limits.request_bytes,
        filled_headers,
    }
}

/// Decides, opens and places. The leave to send is taken between the decision and the keys: of a call to a service that is
/// left alone nothing is opened, and two calls never open for one probe.
pub fn prepare<'e>(
    engine: &'e Engine,
    call: Call<'_>,
    request: &Request,
    recorder: &mut Recorder,
) -> Result<(Prepared, Permit<'e>), Error> {
    let settings = &*engine.settings;
    let specs = &request.credentials;
    let envelopes = split(call.sealed, specs.len())?;
    let decided = decide(engine, request, call.body.len() as u64);
    // Of a refused request the record still says where it wanted to go.
    recorder.origin(
        decided
            .as_ref()
            .ok()
            .map(|decision| decision.admitted.target.origin().clone())
            .or_else(|| policy::origin(request)),
    );
    let Decision { policy, method, admitted, idempotency_header, mut headers } = decided?;
    let target = admitted.target;
    recorder.path_template(admitted.path_template);
    recorder.proxied(settings.network.proxy_resolution(&target));
    placement::check_body(specs, &headers, call.body)?;
    let breaker = Breaker::of(request);
    let permit = engine.breakers.admit(breaker.as_ref(), std::time::Instant::now()).ok_or_else(breaker::refusal)?;

    let credentials = open(engine, specs, &envelopes)?;
    let mut bindings = Vec::new();
    let mut token_uri = None;
    for (spec, credential) in specs.iter().zip(&credentials) {
        let (bound, uri) = judge(engine, spec, credential, &policy, |bound| bound.allows(&target, &method))?;
        token_uri = uri.or(token_uri);
        bindings.extend(bound);
    }

    let key_header = request.idempotency_key.as_ref().map(|_| &idempotency_header);
    let draft = Draft { headers: &headers, query: target.query(), body: call.body, key_header };
    let placed = placement::place(credentials, draft)?;
    let bearer = match placed.client.zip(token_uri) {
        Some((client, uri)) => Some(bearer(engine, client, uri, slot(specs, &envelopes)?)?),
        None => None,
    };
    let mut callers_headers = headers.clone();
    headers.extend(placed.headers);
    if let Some(key) = &request.idempotency_key {
        let invalid = |_| Error::new(Code::Malformed, "idempotency_key cannot stand in a header");
        let value: HeaderValue = key.parse().map_err(invalid)?;
        callers_headers.insert(idempotency_header.clone(), value.clone());
        headers.insert(idempotency_header, value);
    }
    headers.entry(USER_AGENT).or_insert_with(|| settings.user_agent.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, br, zstd"));

    let spec = request.policy.as_ref();
    let asked = request.timeout_ms.into_iter().chain(spec.and_then(|policy| policy.timeout_ms)).min();
    let timeout = asked.unwrap_or(settings.defaults.timeout_ms).min(settings.limits.timeout_ms);
    let response_bytes = match spec.and_then(|policy| policy.response_bytes) {
        Some(bytes) => ByteLimit { bytes, of: "policy.response_bytes" },
        None => ByteLimit { bytes: settings.defaults.response_bytes, of: "defaults.response_bytes" },
    };
    let prepared = Prepared {
        policy,
        bindings,
        outgoing: Outgoing {
            method,
            uri: uri(&target, placed.query.as_ref().map(|query| query.as_str()).or(target.query()))?,
            headers,
            body: placed.body.unwrap_or_else(|| Bytes::copy_from_slice(call.body)),
        },
        fills_query: placed.query.is_some(),
        has_credential: !specs.is_empty(),
        redactor: placed.redactor,
        callers_headers,
        bearer,
        target,
        max_redirects: spec.map_or(0, |policy| policy.max_redirects),
        max_attempts: spec.map_or(1, |policy| policy.max_attempts),
        harmless: again::harmless(&request.method, request.idempotency_key.is_some()),
        breaker,
        response_bytes: response_bytes
            .least(ByteLimit { bytes: settings.limits.response_bytes, of: "limits.response_bytes" }),
        deadline: Instant::from_std(recorder.begun() + Duration::from_millis(timeout)),
    };
    Ok((prepared, permit))
}

/// Holds an open credential against its own binding, of which `allows` says whether it covers what is asked, and the token
/// endpoint against that and the policy.
fn judge(
    engine: &Engine,
    spec: &CredentialSpec,
    credential: &Credential,
    policy: &Policy,
    allows: impl FnOnce(&Bound) -> Result<(), Error>,
) -> Result<(Option<Bound>, Option<Uri>), Error> {
    let settings = &*engine.settings;
    if settings.limits.require_binding && credential.binding().is_none_or(|binding| binding.hosts.is_none()) {
        return Err(unbound(&spec.identifier));
    }
    let bound = credential.binding().map(|binding| bound(&spec.identifier, binding)).transpose()?;
    bound.as_ref().map(allows).transpose()?;
    let endpoint = |url| endpoint::check(url, policy, bound.as_ref(), &settings.internal_hosts);
    let uri = credential.token_url().map(endpoint).transpose()?;
    Ok((bound, uri))
}

fn unbound(identifier: &str) -> Error {
    let why = "is bound to no hosts, as limits.require_binding demands: seal it again with binding.hosts";
    Error::new(Code::BindingViolated, format!("the credential \"{identifier}\" {why}"))
}

/// What a binding that has not expired allows.
fn bound(identifier: &str, binding: &Binding) -> Result<Bound, Error> {
    binding.check_expiry(Timestamp::now())?;
    Rules::parse_sealed(binding.hosts.as_deref(), binding.methods.as_deref(), binding.paths.as_deref())
        .map(|rules| Bound::new(identifier, rules))
        .map_err(|_| Error::new(Code::PayloadInvalid, "the credential's binding has an entry that cannot be read"))
}

/// Where the token of the one credential that fetches one is kept. Two would have had one place, and are refused.
fn slot(specs: &[CredentialSpec], envelopes: &[Vec<u8>]) -> Result<SlotId, Error> {
    let is_client = |spec: &CredentialSpec| spec.kind == CredentialKind::Oauth2ClientCredentials;
    let mut pairs = specs.iter().zip(envelopes);
    let (spec, envelope) = pairs
        .find(|(spec, _)| is_client(spec))
        .ok_or_else(|| Error::new(Code::Panic, "a client without a credential wants a token"))?;
    Ok(SlotId::new(&spec.identifier, envelope))
}

fn bearer(engine: &Engine, client: ClientCredentials, uri: Uri, slot: SlotId) -> Result<Bearer, Error> {
    let settings = &*engine.settings;
    let shared = settings.tokens.clone().map(|store| Shared { store, keys: engine.keyring().keys() });
    let errand = Errand {
        client,
        uri,
        user_agent: settings.user_agent.clone(),
        network: Arc::clone(engine.network()?),
        shared,
        time_limit: Duration::from_millis(settings.defaults.timeout_ms.min(settings.limits.timeout_ms)),
    };
    Ok(Bearer::new(engine.tokens.slot(slot), errand))
}

/// The envelopes of this many credentials, in their order.
fn split(sealed: &[u8], count: usize) -> Result<Vec<Vec<u8>>, Error> {
    let malformed = || Error::new(Code::Malformed, "there must be as many envelopes as credentials");
    match count {
        0 if sealed.is_empty() => Ok(Vec::new()),
        0 => Err(malformed()),
        1 => Ok(vec![sealed.to_vec()]),
        _ => {
            let envelopes: Vec<&RawValue> = serde_json::from_slice(sealed).map_err(|_| malformed())?;
            if envelopes.len() != count {
                return Err(malformed());
            }
            let text = |envelope: &RawValue| serde_json::from_str::<String>(envelope.get()).map(String::into_bytes);
            envelopes.into_iter().map(text).collect::<Result<_, _>>().map_err(|_| malformed())
        }
    }
}

fn open(engine: &Engine, specs: &[CredentialSpec], envelopes: &[Vec<u8>]) -> Result<Vec<Credential>, Error> {
    if specs.is_empty() {
        return Ok(Vec::new());
    }
    let missing = || {
        Error::new(Code::KeyUnavailable, "no master key could be read; look at master_keys and the warnings of open")
    };
    let mut keys = engine.keyring().keys();
    if keys.is_empty() {
        engine.keyring().reread();
        keys = engine.keyring().keys();
    }
    if keys.is_empty() {
        return Err(missing());
    }
    wiped(|| open_with(engine, keys, specs, envelopes))
}

fn open_with(
    engine: &Engine,
    mut keys: Vec<Arc<MasterKey>>,
    specs: &[CredentialSpec],
    envelopes: &[Vec<u8>],
) -> Result<Vec<Credential>, Error> {
    let mut payloads = Vec::with_capacity(specs.len());
    for (spec, sealed) in specs.iter().zip(envelopes) {
        let payload = match envelope::open(sealed, &spec.identifier, &keys) {
            // The key may have been rewritten since it was read.
            Err(error) if error.code == Code::AuthenticationFailed && engine.keyring().reread() => {
                keys = engine.keyring().keys();
                envelope::open(sealed, &spec.identifier, &keys)?
            }
            opened => opened?,
        };
        payloads.push(payload);
    }
    specs.iter().zip(payloads).map(|(spec, payload)| Credential::from_payload(spec, payload)).collect()
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
