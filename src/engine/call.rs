//! One call from document to document.

use http::{Method, StatusCode, Version};

use super::prepare::{Prepared, prepare, uri};
use super::reply::{Reply, header_fields};
use super::transfer;
use super::{Call, Engine, TRANSPORT};
use crate::audit::Recorder;
use crate::error::{Code, Error, Sent};
use crate::net::{self, Network, Runtime};
use crate::policy::Redirect;
use crate::spec::{Request, ResponseHead};

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
        #[cfg(feature = "test-hooks")]
        assert_ne!(request.service_id, "test.panic.opened", "a test wants to see a panic with an open credential");
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
    let mut redirected = None;
    recorder.attempt();
    loop {
        let sent = transfer::send(network, &prepared.outgoing, prepared.deadline, recorder, &mut worst).await;
        let answer = sent.map_err(|error| match (error.code, redirected) {
            (Code::AddressNotAllowed, Some(status)) => {
                Error::new(Code::RedirectNotAllowed, format!("the redirect is refused: {}", error.message))
                    .with_status(status)
            }
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
                redirected = Some(status.as_u16());
                follow(&mut prepared, engine, &location, status).map_err(|error| error.with_status(status.as_u16()))?;
            }
        }
    }
}

/// Turns the request into that of the next hop, which passes every rule again.
fn follow(prepared: &mut Prepared, engine: &Engine, location: &str, status: StatusCode) -> Result<(), Error> {
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
    let http2 = head.version == Version::HTTP_2;
    let bodiless = prepared.outgoing.method == Method::HEAD || [204, 304].contains(&status.as_u16());
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
