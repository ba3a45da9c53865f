//! The tokens of one engine in one process: one fetch at a time for each credential, and what came of the last.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::fetch::fetch;
use super::single_flight::{Ended, SingleFlight, Waiter};
use super::slot::SlotId;
use super::source::TokenSource;
use super::token::{Moment, Token, TokenId};
use crate::error::{Code, Error};
use crate::net;
use crate::sys::lock;

/// How long later calls get the same failure, so that an endpoint that is out of order is not flooded with requests.
const FAILURE_LASTS: Duration = Duration::from_secs(2);

/// How long a 401 goes to the caller without another renewal, after one that did not help: the next would not help either.
const REFUSAL_LASTS: Duration = Duration::from_secs(30);

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
            if let Some(fetch) = lock(&slot.state).fetch.take() {
                fetch.abort();
            }
        }
    }
}

/// The token of one credential.
pub struct Slot {
    id: SlotId,
    state: Mutex<SlotState>,
    requests: AtomicU32,
}

#[derive(Default)]
struct SlotState {
    token: Option<Arc<Token>>,
    fetch: Option<Arc<SingleFlight>>,
    failure: Option<(Instant, Error)>,
    /// The last token that the API rejected. It must not come back from a file.
    rejected: Option<TokenId>,
    /// Since when.
    rejected_since: Option<Instant>,
    /// Since when it is known that a renewal does not help: the token endpoint gave the rejected token once more, or the API
    /// rejected the new one too.
    in_vain: Option<Instant>,
}

impl SlotState {
    fn renews_in_vain(&self) -> bool {
        self.in_vain.is_some_and(|since| since.elapsed() < REFUSAL_LASTS)
    }

    /// Whether this token has replaced one that was rejected a short time ago.
    fn has_just_been_renewed(&self, id: TokenId) -> bool {
        self.rejected.is_some_and(|rejected| rejected != id)
            && self.rejected_since.is_some_and(|since| since.elapsed() < REFUSAL_LASTS)
    }
}

/// What a call is to do next.
enum Step {
    /// Use this token, and drive its renewal on meanwhile.
    Use(Arc<Token>, Option<Waiter>),
    /// Wait for a fetch.
    Wait(Waiter),
    /// Wait for a renewal, and use this token where it comes to nothing.
    Renew(Arc<Token>, Waiter),
    /// Give up.
    Fail(Error),
}

impl Slot {
    /// A token that may be sent now, and the renewal that the call should drive while it uses that.
    pub async fn token(
        self: &Arc<Self>,
        source: &Arc<TokenSource>,
        deadline: tokio::time::Instant,
    ) -> Result<(Arc<Token>, Option<Waiter>), Error> {
        for _ in 0..ROUNDS {
            let waiter = match self.step(source) {
                Step::Use(token, renewal) => return Ok((token, renewal)),
                Step::Fail(error) => return Err(error),
                Step::Renew(token, waiter) => match timeout_at(deadline, waiter.ended()).await {
                    Ok(Ok(())) => continue,
                    _ => return Ok((token, None)),
                },
                Step::Wait(waiter) => waiter,
            };
            waiter.fetch().need(deadline);
            match timeout_at(deadline, waiter.ended()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) if waiter.resumes() => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(Error::new(Code::TotalTimeout, "no token came within timeout_ms")),
            }
        }
        Err(Error::new(Code::TokenResponseInvalid, "the token endpoint's tokens have expired when they come"))
    }

    /// Notes that the API rejected this token. Another one that has come meanwhile stays.
    pub fn reject(&self, id: TokenId) {
        let mut state = lock(&self.state);
        let replaced = state.token.as_ref().is_some_and(|token| token.id() != id);
        if !state.renews_in_vain() && !replaced {
            state.token = None;
            state.rejected = Some(id);
            state.rejected_since = Some(Instant::now());
        }
    }

    /// Notes that the API rejected this token for a request that cannot be sent again. Who finds a new token rejected as well can
    /// only be another call.
    pub fn reject_for_next(&self, id: TokenId) {
        if lock(&self.state).has_just_been_renewed(id) {
            return self.reject_renewed(id);
        }
        self.reject(id);
    }

    /// Notes that the API also rejected this token, which came of a renewal.
    pub fn reject_renewed(&self, id: TokenId) {
        let mut state = lock(&self.state);
        // The time that runs is not extended.
        if state.token.as_ref().is_some_and(|token| token.id() == id) && !state.renews_in_vain() {
            state.in_vain = Some(Instant::now());
        }
    }

    /// The token requests that no record counts yet.
    pub fn take_requests(&self) -> u32 {
        self.requests.swap(0, Ordering::AcqRel)
    }

    fn step(self: &Arc<Self>, source: &Arc<TokenSource>) -> Step {
        let now = Moment::now();
        let mut state = lock(&self.state);
        if let Some(fetch) = state.fetch.take_if(|fetch| fetch.has_lapsed(tokio::time::Instant::now())) {
            fetch.abort();
        }
        let failed =
            state.failure.as_ref().filter(|(until, _)| Instant::now() < *until).map(|(_, error)| error.clone());
        let waiter = state.fetch.as_ref().map(SingleFlight::join);
        match (state.token.clone().filter(|token| token.is_current(now)), waiter, failed) {
            // Whoever has begun it waits for it.
            (Some(token), Some(_), _) if !source.renews_in_passing() => Step::Use(token, None),
            (Some(token), renewal @ Some(_), _) => Step::Use(token, renewal),
            (Some(token), None, failed) => {
                let renews = token.is_due(now) && failed.is_none();
                match renews.then(|| self.start(&mut state, Some(token.id()), true, source)) {
                    Some(renewal) if !source.renews_in_passing() => Step::Renew(token, renewal),
                    renewal => Step::Use(token, renewal),
                }
            }
            (None, Some(waiter), _) => Step::Wait(waiter),
            (None, None, Some(error)) => Step::Fail(error),
            (None, None, None) => {
                let replaces = state.rejected;
                Step::Wait(self.start(&mut state, replaces, false, source))
            }
        }
    }

    fn start(
        self: &Arc<Self>,
        state: &mut SlotState,
        replaces: Option<TokenId>,
        early: bool,
        source: &Arc<TokenSource>,
    ) -> Waiter {
        let deadline = tokio::time::Instant::now() + source.time_limit;
        let flight = SingleFlight::new(replaces, early, deadline);
        let waiter = flight.join();
        let ending = Ending { slot: Arc::clone(self), fetch: Arc::clone(&flight) };
        let source = Arc::clone(source);
        let task = net::spawn(async move {
            let Ending { slot, fetch: flight } = &ending;
            let asking = || {
                slot.requests.fetch_add(1, Ordering::AcqRel);
            };
            ending.end(fetch(&source, &slot.id, flight, asking).await);
        });
        flight.set_task(task.abort_handle());
        state.fetch = Some(flight);
        waiter
    }

    /// Keeps what came of a fetch.
    fn end(&self, fetch: &Arc<SingleFlight>, fetched: Result<Token, Error>) -> Ended {
        drop(fetch.take_lease());
        let mut state = lock(&self.state);
        state.fetch.take_if(|current| Arc::ptr_eq(current, fetch));
        match fetched {
            Ok(token) => {
                // A server that gives the same token once more is not asked again for a while, or every 401 would ask it.
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
                if !fetch.was_paused() {
                    state.failure = Some((Instant::now() + FAILURE_LASTS, error.clone()));
                }
                Err(error)
            }
        }
    }
}

/// Makes sure that a fetch ends, whatever becomes of its task.
struct Ending {
    slot: Arc<Slot>,
    fetch: Arc<SingleFlight>,
}

impl Ending {
    fn end(&self, fetched: Result<Token, Error>) {
        let ended = self.slot.end(&self.fetch, fetched);
        self.fetch.end(ended);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.fetch.has_ended() {
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
        let state = SlotState { token: Some(Arc::new(token)), in_vain, ..SlotState::default() };
        (Slot { id: SlotId::new("a", b"b"), state: Mutex::new(state), requests: AtomicU32::new(0) }, id)
    }

    #[test]
    fn that_renewals_are_in_vain_is_believed_for_a_while_only() {
        for (since, rejects) in [(Duration::ZERO, false), (REFUSAL_LASTS / 2, false), (REFUSAL_LASTS, true)] {
            let (slot, id) = slot(since);
            slot.reject(id);
            assert_eq!(lock(&slot.state).token.is_none(), rejects, "{since:?}");
        }
        for (since, rejects) in [(None, false), (Some(REFUSAL_LASTS), false)] {
            let (slot, id) = slot(REFUSAL_LASTS);
            lock(&slot.state).in_vain = since.and_then(|since| Instant::now().checked_sub(since));
            slot.reject_renewed(id);
            slot.reject(id);
            assert_eq!(lock(&slot.state).token.is_none(), rejects, "it has just been seen: {since:?}");
        }
    }
}
