//! One call from document to document.

use std::sync::Arc;

use super::answer::Answered;
use super::breaker::Permit;
use super::prepare::{Prepared, prepare};
use super::reply::Reply;
use super::{Call, Engine, TRANSPORT, again, attempt};
use crate::audit::Recorder;
use crate::document::{Request, ResponseHead};
use crate::error::Error;
use crate::net::{self, Network, Runtime};

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
    let outcome = prepare(engine, call, &request, &mut recorder).and_then(|(prepared, permit)| {
        #[cfg(feature = "test-hooks")]
        assert_ne!(request.service_id, "test.panic.opened", "a test wants to see a panic with an open credential");
        let network = engine.network()?;
        runtime()?.block_on(run(network, engine, (prepared, permit), &mut recorder))
    });
    match outcome {
        Ok(answered) => answered.reply(recorder),
        Err(error) => refuse(&error, again::harmless(&request.method, request.idempotency_key.is_some()), recorder),
    }
}

fn refuse(error: &Error, repeatable: bool, recorder: Recorder) -> Reply {
    super::document(false, &ResponseHead::failure(error, repeatable, recorder.end()))
}

/// Drives a call on the runtime, with a turn for what has arrived meanwhile before it, and one for what is to leave after
/// a bad end.
async fn run<'e>(
    network: &Network,
    engine: &'e Engine,
    (prepared, permit): (Prepared, Permit<'e>),
    recorder: &mut Recorder,
) -> Result<Answered, Error> {
    net::tick().await;
    let slot = prepared.bearer.as_ref().map(|bearer| Arc::clone(bearer.slot()));
    let answered = attempt::run(network, engine, (prepared, permit), recorder).await;
    recorder.token_requests(slot.map_or(0, |slot| slot.take_requests()));
    if answered.is_err() {
        net::tick().await;
    }
    answered
}
