//! One call from document to document.

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http::header::USER_AGENT;
use jiff::Timestamp;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::reply::{Reply, header_fields};
use super::transfer::{self, Outgoing};
use super::{Call, Engine, TRANSPORT};
use crate::audit::Recorder;
use crate::credential::placement::{self, Draft};
use crate::credential::{Credential, Redactor};
use crate::envelope;
use crate::error::{Code, Error, Sent};
use crate::net::{self, Network, Runtime};
use crate::policy::{self, Context, Decision, Policy, Redirect, Rules, Target};
use crate::spec::{CredentialSpec, Request, ResponseHead};

/// Answers a call, whatever happens.
pub fn perform<'r>(engine: &Engine, call: Call<'_>, runtime: impl FnOnce() -> Result<&'r Runtime, Error>) -> Reply {
    let mut recorder = Recorder::begin(TRANSPORT);
    let request = match Request::parse(call.request) {
        Ok(request) => request,
        Err(error) => return refuse(&error, false, recorder),
    };
    recorder.request(&request);
    #[cfg(feature = "test-hooks")]
    assert_ne!(request.service_id, "test.panic", "a test wants to see a panic");
    let outcome = prepare(engine, call, &request, &mut recorder).and_then(|prepared| {
        let network = engine.network()?;
        runtime()?.block_on(run(network, engine, prepared, &mut recorder))
    });
    match outcome {
        Ok(answered) => answered.reply(recorder),
        Err(error) => {
            let idempotent = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"].contains(&request.method.as_str());
            refuse(&error, idempotent || request.idempotency_key.is_some(), recorder)
        }
    }
}

fn refuse(error: &Error, repeatable: bool, recorder: Recorder) -> Reply {
    super::document(false, &ResponseHead::failure(error, repeatable, recorder.end()))
}

/// A request that may be sent, credential included.
struct Prepared {
    policy: Policy,
    bindings: Vec<Rules>,
    target: Target,
    outgoing: Outgoing,
    /// The query that a credential filled, so that a redirect can fill it again.
    fills_query: bool,
    has_credential: bool,
    redactor: Redactor,
    max_redirects: u32,
    response_bytes: u64,
    deadline: Instant,
}

/// Decides, opens and places, in the order in which the contract wants its errors.
fn prepare(engine: &Engine, call: Call<'_>, request: &Request, recorder: &mut Recorder) -> Result<Prepared, Error> {
    let settings = &*engine.settings;
    let specs = &request.credentials;
    placement::check(specs)?;
    let envelopes = split(call.sealed, specs.len())?;
    let context = Context {
        internal_hosts: &settings.internal_hosts,
        request_bytes: settings.limits.request_bytes,
        filled_headers: &placement::filled_headers(specs),
    };
    let Decision { policy, method, admitted, mut headers } = policy::decide(request, call.body.len() as u64, &context)?;
    let target = admitted.target;
    recorder.admitted(&target, admitted.path_template);
    recorder.proxied(engine.settings.network.proxy_resolution(&target));
    placement::check_body(specs, &headers, call.body)?;

    let credentials = open(engine, specs, &envelopes)?;
    let mut bindings = Vec::new();
    for credential in &credentials {
        if let Some(binding) = credential.binding() {
            binding.check_expiry(Timestamp::now())?;
            let rules = Rules::parse(binding.hosts.as_deref(), binding.methods.as_deref(), binding.paths.as_deref())
                .map_err(|_| {
                    Error::new(Code::PayloadInvalid, "the credential's binding has an entry that cannot be read")
                })?;
            rules.allows(&target, &method).map_err(|error| {
                Error::new(Code::BindingViolated, format!("the credential is bound elsewhere: {}", error.message))
            })?;
            bindings.push(rules);
        }
    }

    let draft = Draft { headers: &headers, query: target.query(), body: call.body };
    let placed = placement::place(credentials, draft)?;
    headers.extend(placed.headers);
    if let Some(key) = &request.idempotency_key {
        let value = key.parse().map_err(|_| Error::new(Code::Malformed, "idempotency_key cannot stand in a header"))?;
        headers.insert(policy::IDEMPOTENCY_KEY, value);
    }
    headers.entry(USER_AGENT).or_insert_with(|| settings.user_agent.clone());
    headers.insert(http::header::ACCEPT_ENCODING, http::HeaderValue::from_static("gzip, br, zstd"));

    let spec = request.policy.as_ref();
    let asked = request.timeout_ms.into_iter().chain(spec.and_then(|policy| policy.timeout_ms)).min();
    let timeout = asked.unwrap_or(settings.defaults.timeout_ms).min(settings.limits.timeout_ms);
    let response_bytes = spec.and_then(|policy| policy.response_bytes).unwrap_or(settings.defaults.response_bytes);
    Ok(Prepared {
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
        target,
        max_redirects: spec.map_or(0, |policy| policy.max_redirects),
        response_bytes: response_bytes.min(settings.limits.response_bytes),
        deadline: Instant::from_std(recorder.begun() + Duration::from_millis(timeout)),
    })
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

fn uri(target: &Target, query: Option<&str>) -> Result<Uri, Error> {
    Uri::try_from(target.text(query)).map_err(|_| Error::new(Code::PathNotCanonical, "the URL cannot be sent as it is"))
}

/// What came back.
struct Answered {
    status: u16,
    http2: bool,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answered {
    fn reply(self, mut recorder: Recorder) -> Reply {
        recorder.status(self.status);
        let version = if self.http2 { "2" } else { "1.1" };
        let head = ResponseHead::answer(self.status, version, self.headers, recorder.end());
        Reply { body: self.body, ..super::document(true, &head) }
    }
}

/// Drives a call on the runtime, with a turn for what has arrived meanwhile before it, and one for what is to leave after
/// a bad end.
async fn run(
    network: &Network,
    engine: &Engine,
    prepared: Prepared,
    recorder: &mut Recorder,
) -> Result<Answered, Error> {
    net::tick().await;
    let answered = exchange(network, engine, prepared, recorder).await;
    if answered.is_err() {
        net::tick().await;
    }
    answered
}

async fn exchange(
    network: &Network,
    engine: &Engine,
    mut prepared: Prepared,
    recorder: &mut Recorder,
) -> Result<Answered, Error> {
    let mut worst = Sent::No;
    let mut hops = 0;
    recorder.attempt();
    loop {
        let sent = transfer::send(network, &prepared.outgoing, prepared.deadline, recorder, &mut worst).await;
        let answer = sent.map_err(|error| match error.code {
            Code::AddressNotAllowed if hops > 0 => Error {
                code: Code::RedirectNotAllowed,
                message: format!("the redirect is refused: {}", error.message).into(),
                ..error
            },
            _ => error,
        })?;
        worst = Sent::Yes;
        let status = answer.response.status();
        let location = if prepared.max_redirects == 0 {
            None
        } else {
            transfer::location(&answer).map_err(|error| error.with_status(status.as_u16()))?
        };
        match location {
            None => return read(&prepared, answer, recorder).await,
            Some(_) if hops == prepared.max_redirects => {
                let error =
                    Error::new(Code::RedirectNotAllowed, "the answer redirects more often than max_redirects allows");
                return Err(error.with_status(status.as_u16()));
            }
            Some(location) => {
                hops += 1;
                follow(&mut prepared, engine, &location, status).map_err(|error| error.with_status(status.as_u16()))?;
            }
        }
    }
}

/// Turns the request into that of the next hop, which passes every rule again.
fn follow(prepared: &mut Prepared, engine: &Engine, location: &str, status: http::StatusCode) -> Result<(), Error> {
    let outgoing = &mut prepared.outgoing;
    if transfer::changes_to_get(status, &outgoing.method) {
        outgoing.becomes_get();
    }
    let hop = Redirect {
        from: &prepared.target,
        location,
        method: &outgoing.method,
        has_credential: prepared.has_credential,
    };
    let target = prepared.policy.redirect(&hop, &engine.settings.internal_hosts)?.target;
    let refused = |why: &str| Error::new(Code::RedirectNotAllowed, format!("the redirect is refused: {why}"));
    for rules in &prepared.bindings {
        rules.allows(&target, &outgoing.method).map_err(|_| refused("the credential is bound elsewhere"))?;
    }
    if prepared.fills_query {
        // Whether the location echoes the parameter is the server's choice, so it cannot be filled without a conflict.
        return Err(refused("the credential stands in the query"));
    }
    if target.origin() != prepared.target.origin() {
        outgoing.leaves_origin();
    }
    outgoing.uri = uri(&target, target.query())?;
    prepared.target = target;
    Ok(())
}

async fn read(prepared: &Prepared, answer: net::Answer, recorder: &mut Recorder) -> Result<Answered, Error> {
    let status = answer.response.status();
    let (head, body) = answer.response.into_parts();
    let http2 = head.version == http::Version::HTTP_2;
    let bodiless = prepared.outgoing.method == http::Method::HEAD || [204, 304].contains(&status.as_u16());
    let (bytes, decoded) = if bodiless {
        (Vec::new(), false)
    } else {
        let mut wire = 0;
        let read = net::read_body(&head, body, prepared.response_bytes, prepared.deadline, &mut wire).await;
        recorder.received(wire);
        let read = read.map_err(|error| error.with_status(status.as_u16()))?;
        (read.bytes, read.decoded)
    };
    let headers = header_fields(&head.headers, decoded, &prepared.redactor);
    Ok(Answered { status: status.as_u16(), http2, headers, body: bytes })
}
