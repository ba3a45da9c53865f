//! The attempts of one call, and what happens between two of them.

use std::future::pending;
use std::time::Instant as Clock;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::prepare::Prepared;
use super::response::drain;
use super::token::{CallToken, DRAINING};
use super::{breaker, clock, hops, pause, retry};
use crate::audit::{Outcome, Recorder};
use crate::error::{Code, Error, Sent};
use crate::net::Response;
use crate::sys::random;

/// Makes attempts until one ends the call, and gives the response whose head has come. A failure's `sent` is the worst of
/// all attempts. The first attempt has its permit already, and the permit of a failed last one is settled here.
pub async fn make(prepared: &mut Prepared, recorder: &mut Recorder) -> Result<Response, Error> {
    let Prepared { network, route, outgoing: request, budget, run } = prepared;
    let mut worst = Sent::No;
    let mut made = 0;
    loop {
        let mut outgoing = request.clone();
        if let Some(token) = &mut run.token {
            let authorized =
                token.authorize(&mut outgoing, run.signing.as_mut(), &mut run.redactor, budget.deadline).await;
            authorized.map_err(|error| error.sent(worst))?;
        }
        if let Some(signing) = &mut run.signing {
            let signed = signing.sign(&mut outgoing, &mut run.redactor);
            signed.map_err(|error| error.sent(worst))?;
        }
        made += 1;
        recorder.attempt();
        let mut ended = hops::follow(network, route, budget, outgoing, recorder).await;
        if ended.is_err() && request.body.has_failed() {
            // Its host is told why, by who waits for that. The connection's end came of it, and says nothing of the server.
            pending::<()>().await;
        }
        let outcome = outcome(&ended);
        recorder.attempt_ended(outcome);
        let is_left = retry::body_is_left(&request.body, outcome);
        if let Some(skew) = clock::told(&mut ended, route, run, budget.deadline).await {
            recorder.attempt_ended(Outcome::Failed { code: Code::ClockSkew, sent: Sent::Yes });
            if is_left && skew.is_corrected() && clock::correct(run, skew, budget.deadline).await {
                made -= 1;
                worst = worst.max(sent(outcome));
                if let Ok(response) = ended {
                    drain(response, budget.deadline.min(Instant::now() + DRAINING), recorder).await;
                }
                continue;
            }
        } else if let Some(token) = &mut run.token
            && token.is_rejected(&mut ended, budget.deadline).await
            && renews(token, is_left, budget.deadline).await
        {
            // A 401 is a response, so nothing is done twice, and none of the attempts that the policy gives is used up.
            made -= 1;
            worst = worst.max(sent(outcome));
            if let Ok(response) = ended {
                drain(response, budget.deadline.min(Instant::now() + DRAINING), recorder).await;
            }
            continue;
        }
        let left = budget.max_attempts.saturating_sub(made);
        if is_left
            && retry::repeats(outcome, budget.idempotent, left)
            && let Some(until) = resume(made, &ended, budget.deadline)
        {
            run.permit.settle(breaker::verdict(outcome), Clock::now());
            // The permit for the next attempt is taken while this response or error can still go to the caller.
            if run.permit.renew(Clock::now()) {
                worst = worst.max(sent(outcome));
                if let Ok(response) = ended {
                    drain(response, until, recorder).await;
                }
                sleep_until(until).await;
                continue;
            }
        }
        // No connection follows, and a response may be read for a long time.
        run.certificate = None;
        return ended.map_err(|error| {
            run.permit.settle(breaker::verdict(outcome), Clock::now());
            let sent = error.sent.max(worst);
            error.sent(sent)
        });
    }
}

/// Whether there is another token for a request that can be sent again.
async fn renews(token: &mut CallToken, is_left: bool, deadline: Instant) -> bool {
    if !is_left {
        token.reject();
    }
    is_left && token.renew(deadline).await
}

fn outcome(ended: &Result<Response, Error>) -> Outcome {
    match ended {
        Ok(response) => Outcome::Response(response.status()),
        Err(error) => Outcome::Failed { code: error.code, sent: error.sent },
    }
}

fn sent(outcome: Outcome) -> Sent {
    match outcome {
        Outcome::Response(_) => Sent::Yes,
        Outcome::Failed { sent, .. } => sent,
    }
}

/// When the attempt after `made` others begins. A pause that would outlast the call is not begun: the caller gets at once
/// what there is.
fn resume(made: u32, ended: &Result<Response, Error>, deadline: Instant) -> Option<Instant> {
    let headers = ended.as_ref().ok().map(Response::headers);
    let asked = headers.and_then(|headers| pause::retry_after(headers, Timestamp::now()));
    let pause = pause::backoff(made.saturating_sub(1), random::number()).max(asked.unwrap_or_default());
    Instant::now().checked_add(pause).filter(|until| *until < deadline)
}
