//! The attempts of one call, and what lies between two of them.

use http::StatusCode;
use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::Engine;
use super::again::{self, Next};
use super::answer::{self, Answered};
use super::bearer::DRAINING;
use super::breaker::{self, Permit, Verdict};
use super::hops::{self, Landed};
use super::pause;
use super::prepare::Prepared;
use crate::audit::{Outcome, Recorder};
use crate::error::{Error, Sent};
use crate::net::Network;
use crate::sys::random;

/// Makes attempts until the end of one stands, and reads its answer. A failure's `sent` is the worst of all of them. The leave
/// is the first attempt's.
pub async fn run<'e>(
    network: &Network,
    engine: &'e Engine,
    (mut prepared, mut permit): (Prepared, Permit<'e>),
    recorder: &mut Recorder,
) -> Result<Answered, Error> {
    let mut worst = Sent::No;
    let mut made = 0;
    loop {
        let mut outgoing = prepared.outgoing.clone();
        if let Some(bearer) = &mut prepared.bearer {
            let authorized = bearer.authorize(&mut outgoing, &mut prepared.redactor, prepared.deadline).await;
            authorized.map_err(|error| error.sent(worst))?;
        }
        made += 1;
        recorder.attempt();
        let ended = hops::attempt(network, engine, &prepared, outgoing, recorder).await;
        let outcome = outcome(&ended);
        recorder.attempt_ended(outcome);
        if let Outcome::Answered(StatusCode::UNAUTHORIZED) = outcome
            && let Some(bearer) = &mut prepared.bearer
            && bearer.renew(prepared.deadline).await
        {
            // A 401 is an answer, so nothing is done twice, and none of the attempts that the policy gives is used up.
            made -= 1;
            worst = worst.max(sent(outcome));
            if let Ok(landed) = ended {
                answer::drain(landed, prepared.deadline.min(Instant::now() + DRAINING), recorder).await;
            }
            continue;
        }
        let next = again::next(outcome, prepared.harmless, prepared.max_attempts.saturating_sub(made));
        if let Some(until) = resume(next, made, &ended, prepared.deadline) {
            permit.settle(breaker::verdict(outcome), std::time::Instant::now());
            // The leave for the next attempt is taken while this one's end can still be handed over.
            let breaker = prepared.breaker.as_ref();
            if let Some(leave) = engine.breakers.admit(breaker, std::time::Instant::now()) {
                permit = leave;
                worst = worst.max(sent(outcome));
                if let Ok(landed) = ended {
                    answer::drain(landed, until, recorder).await;
                }
                sleep_until(until).await;
                continue;
            }
        }
        let (stands, verdict) = finish(&prepared, ended, recorder).await;
        permit.settle(verdict, std::time::Instant::now());
        return stands.map_err(|error| {
            let sent = error.sent.max(worst);
            error.sent(sent)
        });
    }
}

/// Reads the answer that stands, if there is one, and says what it all tells of the service.
async fn finish(
    prepared: &Prepared,
    ended: Result<Landed, Error>,
    recorder: &mut Recorder,
) -> (Result<Answered, Error>, Verdict) {
    let verdict = breaker::verdict(outcome(&ended));
    let landed = match ended {
        Ok(landed) => landed,
        Err(error) => return (Err(error), verdict),
    };
    let read = answer::read(prepared, landed, recorder).await;
    let Err(error) = &read else { return (read, verdict) };
    let outcome = Outcome::Failed { code: error.code, sent: error.sent };
    recorder.attempt_ended(outcome);
    let broken = breaker::verdict(outcome) == Verdict::Fails;
    (read, if broken { Verdict::Fails } else { verdict })
}

fn outcome(ended: &Result<Landed, Error>) -> Outcome {
    match ended {
        Ok(landed) => Outcome::Answered(landed.answer.response.status()),
        Err(error) => Outcome::Failed { code: error.code, sent: error.sent },
    }
}

fn sent(outcome: Outcome) -> Sent {
    match outcome {
        Outcome::Answered(_) => Sent::Yes,
        Outcome::Failed { sent, .. } => sent,
    }
}

/// When the next attempt begins, if there is to be one. A pause that would outlast the call is not begun: what there is
/// goes to the caller at once.
fn resume(next: Next, made: u32, ended: &Result<Landed, Error>, deadline: Instant) -> Option<Instant> {
    if next == Next::Stop {
        return None;
    }
    let headers = ended.as_ref().ok().map(|landed| landed.answer.response.headers());
    let asked = headers.and_then(|headers| pause::retry_after(headers, Timestamp::now()));
    let pause = pause::backoff(made.saturating_sub(1), random::number()).max(asked.unwrap_or_default());
    Instant::now().checked_add(pause).filter(|until| *until < deadline)
}
