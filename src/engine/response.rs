//! The response that goes back to the caller, and what becomes of one that does not.

use std::sync::Arc;
use std::time::Instant as Clock;

use tokio::time::Instant;

use super::breaker::{self, Verdict};
use super::budget::Budget;
use super::prepare::Run;
use super::reply::{Reply, document, header_fields};
use crate::audit::{Outcome, Recorder};
use crate::document::{ResponseHead, StreamHead};
use crate::error::Error;
use crate::net::{self, Collected, IdleLimit, Response};
use crate::sys::Buffer;

/// How much of an unread body is read, so that an HTTP/1.1 connection can be used again.
const DRAINED_BYTES: u64 = 64 * 1024;

/// A response, whole.
pub struct Whole {
    status: u16,
    http_version: &'static str,
    headers: Vec<(String, String)>,
    body: Buffer,
}

impl Whole {
    /// Its head, and its body.
    pub fn into_parts(self) -> (StreamHead, Buffer) {
        (StreamHead::new(self.status, self.http_version, self.headers), self.body)
    }

    /// The documents that go back.
    pub fn reply(self, mut recorder: Recorder) -> Reply {
        recorder.status(self.status);
        let head = ResponseHead::received(self.status, self.http_version, self.headers, recorder.end());
        Reply { body: self.body, ..document(true, &head) }
    }
}

/// Reads the call's response to its end, and settles what head and body together say of the service.
pub async fn collect(
    response: Response,
    budget: &Budget,
    run: &mut Run,
    recorder: &mut Recorder,
) -> Result<Whole, Error> {
    let mut verdict = breaker::verdict(Outcome::Response(response.status()));
    let collected = match &budget.clock {
        None => {
            let mut wire = 0;
            let collected = response.collect(budget.response_bytes, budget.deadline, None, &mut wire).await;
            recorder.received(wire);
            collected
        }
        Some(idle) => Box::pin(collect_by_clock(response, budget, idle)).await,
    };
    if let Err(error) = &collected {
        let outcome = Outcome::Failed { code: error.code, sent: error.sent };
        recorder.attempt_ended(outcome);
        if breaker::verdict(outcome) == Verdict::Fails {
            verdict = Verdict::Fails;
        }
    }
    run.permit.settle(verdict, Clock::now());
    let collected = collected?;
    Ok(Whole {
        status: collected.status.as_u16(),
        http_version: collected.http_version,
        headers: header_fields(&collected.headers, collected.decoded, &run.redactor, &run.callers_headers),
        body: collected.body,
    })
}

/// The same by the clock, which counts what arrives.
async fn collect_by_clock(response: Response, budget: &Budget, idle: &Arc<IdleLimit>) -> Result<Collected, Error> {
    let status = response.status().as_u16();
    idle.arrived(0);
    let mut wire = 0;
    tokio::select! {
        biased;
        collected = response.collect(budget.response_bytes, budget.deadline, Some(idle), &mut wire) => collected,
        () = idle.exceeded() => Err(net::idle_error().with_status(status)),
    }
}

/// Reads what comes by `until` of a response that does not go to the caller. A connection whose response did not end in that
/// time closes, or its stream is reset.
pub async fn drain(response: Response, until: Instant, recorder: &mut Recorder) {
    recorder.received(response.drain(DRAINED_BYTES, until).await);
}
