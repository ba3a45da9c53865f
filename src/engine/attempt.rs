//! The attempts of one call, and what lies between two of them.

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use super::Engine;
use super::again::{self, Next, Outcome};
use super::answer::{self, Answered};
use super::hops::{self, Landed};
use super::pause;
use super::prepare::Prepared;
use crate::audit::Recorder;
use crate::error::{Error, Sent};
use crate::net::Network;
use crate::random;

/// Makes attempts until the end of one stands, and reads its answer. A failure's `sent` is the worst of all of them.
pub async fn run(
    network: &Network,
    engine: &Engine,
    prepared: Prepared,
    recorder: &mut Recorder,
) -> Result<Answered, Error> {
    let mut worst = Sent::No;
    let mut made = 0;
    loop {
        made += 1;
        recorder.attempt();
        let ended = hops::attempt(network, engine, &prepared, prepared.outgoing.clone(), recorder).await;
        let outcome = match &ended {
            Ok(landed) => Outcome::Answered(landed.answer.response.status()),
            Err(error) => Outcome::Failed { code: error.code, sent: error.sent },
        };
        recorder.attempt_ended(outcome);
        let next = again::next(outcome, prepared.harmless, prepared.max_attempts.saturating_sub(made));
        match resume(next, made, &ended, prepared.deadline) {
            Some(until) => {
                worst = worst.max(sent(outcome));
                if let Ok(landed) = ended {
                    answer::drain(landed, until, recorder).await;
                }
                sleep_until(until).await;
            }
            None => {
                let landed = ended.map_err(|error| {
                    let sent = error.sent.max(worst);
                    error.sent(sent)
                })?;
                let read = answer::read(&prepared, landed, recorder).await;
                if let Err(error) = &read {
                    recorder.attempt_ended(Outcome::Failed { code: error.code, sent: error.sent });
                }
                return read;
            }
        }
    }
}

/// When the next attempt begins, if there is to be one. A pause that would outlast the call is not begun: what there is
/// goes to the caller at once.
fn resume(next: Next, made: u32, ended: &Result<Landed, Error>, deadline: Instant) -> Option<Instant> {
    if next == Next::Stop {
        return None;
    }
    let asked =
        ended.as_ref().ok().and_then(|landed| pause::retry_after(landed.answer.response.headers(), Timestamp::now()));
    let pause = pause::backoff(made.saturating_sub(1), random::number()).max(asked.unwrap_or_default());
    Instant::now().checked_add(pause).filter(|until| *until < deadline)
}

fn sent(outcome: Outcome) -> Sent {
    match outcome {
        Outcome::Answered(_) => Sent::Yes,
        Outcome::Failed { sent, .. } => sent,
    }
}
