//! From a request document to a request that may be sent, in the order of errors of `docs/wire.md`.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::bind::bind;
use super::breaker::{self, Breaker, Permit};
use super::budget::Budget;
use super::call::RequestBody;
use super::decide::{ReadRequest, context};
use super::route::{Route, uri};
use super::send::Outgoing;
use super::signing::Signing;
use super::state::Engine;
use super::token::{self, CallToken};
use super::unseal::{choose, unseal};
use crate::audit::Recorder;
use crate::credential::placement::{self, Draft};
use crate::credential::{Redactor, declared};
use crate::document::{CredentialKind, CredentialSpec};
use crate::error::{Code, Error};
use crate::net::{Content, Network, Upload};
use crate::policy::{self, Decision};
use crate::sign::ClientCertificate;

/// A request that may be sent, credential included.
pub struct Prepared {
    /// The connections that it may have.
    pub network: Arc<Network>,
    /// Where it goes.
    pub route: Route,
    /// The request itself.
    pub outgoing: Outgoing,
    /// What it may take.
    pub budget: Budget,
    /// What changes as it goes on.
    pub run: Run,
}

/// The state of a call that is being made.
pub struct Run {
    /// What its connections show, whose key new ones need.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// The permit for the current attempt.
    pub permit: Permit,
    /// The access token, or the temporary keys, where they have to be fetched.
    pub token: Option<CallToken>,
    /// What signs every attempt.
    pub signing: Option<Signing>,
    /// Whether an attempt was signed by the server's clock.
    pub corrected: bool,
    /// Finds injected secrets in the response.
    pub redactor: Redactor,
    /// The caller's own fields: an echo of one is not taken for a secret's.
    pub callers_headers: HeaderMap,
}

/// Unseals, binds and places. The permit is taken between the decision and the keys: while a circuit is open nothing is
/// unsealed, and no two calls unseal for one probe.
pub fn prepare(
    engine: &Engine,
    request: &ReadRequest,
    decision: Decision,
    body: RequestBody<'_>,
    envelopes: &[Vec<u8>],
    recorder: &mut Recorder,
) -> Result<Prepared, Error> {
    let ReadRequest { service, call } = request;
    let specs = &service.head.credentials;
    let Decision { mut policy, method, mut admitted, idempotency_header, headers, alternatives } = decision;
    recorder.proxied(engine.settings.network.proxy_resolution(&admitted.target));
    let whole = match body {
        RequestBody::Whole(bytes) => {
            declared::check_body(specs, &headers, bytes)?;
            bytes
        }
        RequestBody::InPieces { .. } => {
            declared::check_body_in_pieces(specs)?;
            &[]
        }
    };
    let permit = engine.breakers.admit(Breaker::of(&service.head), Instant::now()).ok_or_else(breaker::refusal)?;

    let credentials = unseal(engine, specs, envelopes)?;
    if let Some(chosen) = choose(&credentials, alternatives) {
        (policy, admitted) = (chosen.policy, chosen.place);
        recorder.origin(Some(admitted.target.origin().clone()));
        recorder.path_template(admitted.path_template.as_deref());
        recorder.proxied(engine.settings.network.proxy_resolution(&admitted.target));
    }
    let target = admitted.target;
    let bindings = bind(engine, specs, &credentials, &policy, |bound| bound.allows(&target, &method))?;
    let key_header = call.idempotency_key.as_ref().map(|_| &idempotency_header);
    let draft = Draft { headers: &headers, query: target.query(), body: whole, key_header };
    let placed = placement::place(credentials, draft)?;
    let network = engine.network_showing(policy.versions(), placed.certificate.as_ref(), || shown_by(specs))?;
    let token = match placed.token {
        Some(provenance) => {
            Some(token::of(engine, provenance, bindings.token_uri, bindings.token_certificate, specs, envelopes)?)
        }
        None => None,
    };
    let mut fields = Fields::of_caller(headers);
    fields.credentials(placed.headers);
    fields.idempotency_key(call.idempotency_key.as_deref(), idempotency_header)?;
    fields.own(&engine.settings.user_agent);

    let outgoing = Outgoing {
        uri: uri(&target, placed.query.as_ref().map(|query| query.as_str()).or(target.query()))?,
        method,
        headers: fields.outgoing,
        body: match body {
            RequestBody::Whole(bytes) => Content::Whole(placed.body.unwrap_or_else(|| Bytes::copy_from_slice(bytes))),
            RequestBody::InPieces { length } => {
                let cap = policy::request_limit(&service.rules, &context(engine, service));
                Content::InPieces(Arc::new(Upload::new(length, cap)))
            }
        },
    };
    let route = Route {
        target,
        policy,
        internal_hosts: Arc::clone(&engine.settings.internal_hosts),
        bounds: bindings.bounds,
        has_credential: !specs.is_empty(),
        fills_query: placed.query.is_some(),
        is_signed: placed.signature.is_some(),
        max_redirects: service.head.policy.as_ref().map_or(0, |policy| policy.max_redirects),
    };
    let budget = Budget::of(engine, &service.head, call, recorder.begun());
    let signing = placed.signature.map(|signature| Signing::new(signature, specs, call.idempotency_key.as_deref()));
    let run = Run {
        certificate: placed.certificate,
        permit,
        token,
        signing,
        corrected: false,
        redactor: placed.redactor,
        callers_headers: fields.callers,
    };
    Ok(Prepared { network, route, outgoing, budget, run })
}

/// Which of these shows a certificate to the API, where one does.
fn shown_by(specs: &[CredentialSpec]) -> &str {
    let of = |shows: fn(CredentialKind) -> bool| specs.iter().find(|spec| shows(spec.kind));
    let shows = of(|kind| kind == CredentialKind::Mtls).or_else(|| of(CredentialKind::fetches_token));
    shows.map_or("", |spec| spec.identifier.as_str())
}

/// The header fields of a request in the making.
struct Fields {
    callers: HeaderMap,
    outgoing: HeaderMap,
}

impl Fields {
    fn of_caller(headers: HeaderMap) -> Self {
        Self { callers: headers.clone(), outgoing: headers }
    }

    fn credentials(&mut self, headers: Vec<(HeaderName, HeaderValue)>) {
        self.outgoing.extend(headers);
    }

    fn idempotency_key(&mut self, key: Option<&str>, header: HeaderName) -> Result<(), Error> {
        let Some(key) = key else { return Ok(()) };
        let invalid = |_| Error::new(Code::Malformed, "idempotency_key cannot be sent in a header");
        let value: HeaderValue = key.parse().map_err(invalid)?;
        self.callers.insert(header.clone(), value.clone());
        self.outgoing.insert(header, value);
        Ok(())
    }

    fn own(&mut self, user_agent: &HeaderValue) {
        self.outgoing.entry(USER_AGENT).or_insert_with(|| user_agent.clone());
        self.outgoing.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, br, zstd"));
    }
}
