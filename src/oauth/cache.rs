//! The tokens of one engine in one process: one fetch at a time for each credential, and what came of the last.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::SlotId;
use super::answer::unreachable;
use super::fetch::{Errand, fetch};
use super::flight::{Flight, Landed, Ride};
use super::token::{Moment, Token, TokenId};
use crate::error::{Code, Error};
use crate::sys::lock;

/// How long a failure stands for the next call, so that an outage is not hammered.
const FAILURE_STANDS: Duration = Duration::from_secs(2);

/// How long a 401 is believed after a renewal that did not help: nobody would be helped by the next one either.
const REFUSAL_STANDS: Duration = Duration::from_secs(30);

/// Above this number of credentials, those go that were not used for the longest time.
const SLOTS: usize = 256;

/// How often a call goes on after a fetch whose token had expired or was rejected by the time it came.
const ROUNDS: u32 = 4;

/// The tokens of an engine, one slot for each credential.
#[derive(Default)]
pub struct Tokens(Mutex<HashMap<SlotId, (Instant, Arc<Slot>)>>);

impl Tokens {
    /// The slot of a credential.
    pub fn slot(&self, id: SlotId) -> Arc<Slot> {
        let (now, mut slots) = (Instant::now(), lock(&self.0));
        if let Some((used, slot)) = slots.get_mut(&id) {
            *used = now;
            return Arc::clone(slot);
        }
        if slots.len() >= SLOTS {
            let idle = slots.iter().filter(|(_, (_, slot))| Arc::strong_count(slot) == 1);
            let oldest = idle.min_by_key(|(_, (used, _))| *used).map(|(id, _)| *id);
            oldest.and_then(|id| slots.remove(&id));
        }
        let slot = Arc::new(Slot { id, state: Mutex::default(), requests: AtomicU32::new(0) });
        slots.insert(id, (now, Arc::clone(&slot)));
        slot
    }
}

impl Drop for Tokens {
    /// Fetches that nobody can wait for any more end with their engine.
    fn drop(&mut self) {
        for (_, slot) in lock(&self.0).values() {
            if let Some(flight) = lock(&slot.state).flight.take() {
                flight.abandon();
            }
        }
    }
}

/// The token of one credential.
pub struct Slot {
    id: SlotId,
    state: Mutex<State>,
    requests: AtomicU32,
}

#[derive(Default)]
struct State {
    token: Option<Arc<Token>>,
    flight: Option<Arc<Flight>>,
    failure: Option<(Instant, Error)>,
    /// The last token that the API did not take. It must not come back from a file.
    rejected: Option<TokenId>,
    /// Since when it is known that a renewal does not help: the token endpoint stands by a token that the API did not take,
    /// or the API did not take the new one either.
    in_vain: Option<Instant>,
}

impl State {
    fn renews_in_vain(&self) -> bool {
        self.in_vain.is_some_and(|since| since.elapsed() < REFUSAL_STANDS)
    }
}

/// What a call is to do next.
enum Step {
    /// Use this token; the ride keeps a renewal going meanwhile.
    Use(Arc<Token>, Option<Ride>),
    /// Wait for a fetch.
    Wait(Ride),
    /// Give up.
    Fail(Error),
}

impl Slot {
    /// A token that may be sent now, and the renewal that the call should drive while it uses that.
    pub async fn token(
        self: &Arc<Self>,
        errand: &Arc<Errand>,
        deadline: tokio::time::Instant,
    ) -> Result<(Arc<Token>, Option<Ride>), Error> {
        for _ in 0..ROUNDS {
            let ride = match self.step(errand) {
                Step::Use(token, ride) => return Ok((token, ride)),
                Step::Fail(error) => return Err(error),
                Step::Wait(ride) => ride,
            };
            ride.flight().hurry(deadline);
            match timeout_at(deadline, ride.landed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) if ride.resumes() => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(Error::new(Code::TotalTimeout, "no token came within timeout_ms")),
            }
        }
        Err(Error::new(Code::TokenResponseInvalid, "the token endpoint's tokens have expired when they come"))
    }

    /// Takes note that the API did not take this token. Another one that has come meanwhile stays.
    pub fn reject(&self, id: TokenId) {
        let mut state = lock(&self.state);
        let replaced = state.token.as_ref().is_some_and(|token| token.id() != id);
        if !state.renews_in_vain() && !replaced {
            state.token = None;
            state.rejected = Some(id);
        }
    }

    /// Takes note that the API did not take this token either, which came of a renewal.
    pub fn reject_renewed(&self, id: TokenId) {
        let mut state = lock(&self.state);
        // What is believed already is not believed for longer.
        if state.token.as_ref().is_some_and(|token| token.id() == id) && !state.renews_in_vain() {
            state.in_vain = Some(Instant::now());
        }
    }

    /// The token requests that no record counts yet.
    pub fn take_requests(&self) -> u32 {
        self.requests.swap(0, Ordering::AcqRel)
    }

    fn step(self: &Arc<Self>, errand: &Arc<Errand>) -> Step {
        let now = Moment::now();
        let mut state = lock(&self.state);
        if let Some(flight) = state.flight.take_if(|flight| flight.is_lost(tokio::time::Instant::now())) {
            flight.abandon();
        }
        let failed =
            state.failure.as_ref().filter(|(until, _)| Instant::now() < *until).map(|(_, error)| error.clone());
        let ride = state.flight.as_ref().map(Flight::board);
        match (state.token.clone().filter(|token| token.is_current(now)), ride, failed) {
            (Some(token), ride @ Some(_), _) => Step::Use(token, ride),
            (Some(token), None, failed) => {
                let renews = token.is_due(now) && failed.is_none();
                let ride = renews.then(|| self.start(&mut state, Some(token.id()), errand));
                Step::Use(token, ride)
            }
            (None, Some(ride), _) => Step::Wait(ride),
            (None, None, Some(error)) => Step::Fail(error),
            (None, None, None) => {
                let replaces = state.rejected;
                Step::Wait(self.start(&mut state, replaces, errand))
            }
        }
    }

    fn start(self: &Arc<Self>, state: &mut State, replaces: Option<TokenId>, errand: &Arc<Errand>) -> Ride {
        let deadline = tokio::time::Instant::now() + errand.time_limit;
        let flight = Flight::new(replaces, deadline);
        let ride = flight.board();
        let (landing, errand) = (Landing { slot: Arc::clone(self), flight: Arc::clone(&flight) }, Arc::clone(errand));
        let task = tokio::spawn(async move {
            let Landing { slot, flight } = &landing;
            let asking = || {
                slot.requests.fetch_add(1, Ordering::AcqRel);
            };
            let fetched = timeout_at(flight.deadline, fetch(&errand, &slot.id, flight, asking)).await;
            let late = |_| Err(unreachable("no answer came in time"));
            landing.end(fetched.unwrap_or_else(late));
        });
        flight.is_flown_by(task.abort_handle());
        state.flight = Some(flight);
        ride
    }

    /// Keeps what came of a fetch.
    fn land(&self, flight: &Arc<Flight>, fetched: Result<Token, Error>) -> Landed {
        drop(flight.unload());
        let mut state = lock(&self.state);
        state.flight.take_if(|current| Arc::ptr_eq(current, flight));
        match fetched {
            Ok(token) => {
                // A server that stands by its token is believed for a while, or every 401 would ask it again.
                let confirmed = state.rejected == Some(token.id());
                // A token that came because the old one was over says nothing of what a renewal would help.
                if confirmed {
                    state.in_vain = Some(Instant::now());
                }
                state.rejected = state.rejected.filter(|_| !confirmed);
                state.token = Some(Arc::new(token));
                state.failure = None;
                Ok(())
            }
            Err(error) => {
                if !flight.was_paused() {
                    state.failure = Some((Instant::now() + FAILURE_STANDS, error.clone()));
                }
                Err(error)
            }
        }
    }
}

/// Sees to it that a flight lands, whatever becomes of its task.
struct Landing {
    slot: Arc<Slot>,
    flight: Arc<Flight>,
}

impl Landing {
    fn end(&self, fetched: Result<Token, Error>) {
        let landed = self.slot.land(&self.flight, fetched);
        self.flight.land(landed);
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.flight.has_landed() {
            self.end(Err(Error::new(Code::Panic, "a token request ended in a bug of the library")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    /// A slot that has known for so long that renewing this token does not help.
    fn slot(since: Duration) -> (Slot, TokenId) {
        let token = Token::granted(Secret::new(b"t".to_vec()), Moment::now(), Duration::from_secs(60), 0);
        let id = token.id();
        let in_vain = Instant::now().checked_sub(since);
        let state = State { token: Some(Arc::new(token)), in_vain, ..State::default() };
        (Slot { id: SlotId::new("a", b"b"), state: Mutex::new(state), requests: AtomicU32::new(0) }, id)
    }

    #[test]
    fn that_renewals_are_in_vain_is_believed_for_a_while_only() {
        for (since, rejects) in [(Duration::ZERO, false), (REFUSAL_STANDS / 2, false), (REFUSAL_STANDS, true)] {
            let (slot, id) = slot(since);
            slot.reject(id);
            assert_eq!(lock(&slot.state).token.is_none(), rejects, "{since:?}");
        }
        for (since, rejects) in [(None, false), (Some(REFUSAL_STANDS), false)] {
            let (slot, id) = slot(REFUSAL_STANDS);
            lock(&slot.state).in_vain = since.and_then(|since| Instant::now().checked_sub(since));
            slot.reject_renewed(id);
            slot.reject(id);
            assert_eq!(lock(&slot.state).token.is_none(), rejects, "it has just been seen: {since:?}");
        }
    }
}
