//! The circuits of services and how they change, for [`super::breaker`]. Whoever asks brings the moment.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Circuits that remember nothing are swept above this number.
const CIRCUITS: usize = 1024;

/// A service's breaker, as the policy of the call has it.
#[derive(Clone, Debug)]
pub struct Breaker {
    /// Whose circuit it is.
    pub service_id: String,
    /// How many failures in a row open it.
    pub failures: u32,
    /// How long it then stays open.
    pub open: Duration,
}

/// What an attempt says of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It responds.
    Works,
    /// It does not respond, or says itself that it is broken.
    Fails,
    /// Nothing: the library or the caller ended the attempt.
    Unknown,
}

/// The circuits of an engine.
#[derive(Default)]
pub(super) struct Circuits {
    by_service: HashMap<String, Circuit>,
    changes: u64,
}

#[derive(Clone, Copy)]
struct Circuit {
    state: State,
    /// Which change of state led here. What an attempt tells counts only if it began after that change.
    change: u64,
}

#[derive(Clone, Copy)]
enum State {
    Closed {
        failures: u32,
    },
    Open {
        since: Instant,
    },
    /// One attempt is on its way; the others are refused until it has ended.
    Probing {
        since: Instant,
    },
}

impl State {
    /// Whether it lets no attempt through at this moment.
    fn refuses(self, breaker: &Breaker, now: Instant) -> bool {
        match self {
            State::Closed { .. } => false,
            State::Open { since } => now.saturating_duration_since(since) < breaker.open,
            State::Probing { .. } => true,
        }
    }
}

impl Circuits {
    pub(super) fn is_open(&self, breaker: &Breaker, now: Instant) -> bool {
        self.by_service.get(&breaker.service_id).is_some_and(|circuit| circuit.state.refuses(breaker, now))
    }

    pub(super) fn admit(&mut self, breaker: &Breaker, now: Instant) -> Option<u64> {
        if self.by_service.len() >= CIRCUITS {
            self.by_service.retain(|_, circuit| !matches!(circuit.state, State::Closed { failures: 0 }));
        }
        let change = self.changes;
        let circuit = self.by_service.entry(breaker.service_id.clone());
        let circuit = *circuit.or_insert(Circuit { state: State::Closed { failures: 0 }, change });
        match circuit.state {
            state if state.refuses(breaker, now) => None,
            State::Open { since } | State::Probing { since } => {
                Some(self.change(&breaker.service_id, State::Probing { since }))
            }
            State::Closed { .. } => Some(circuit.change),
        }
    }

    pub(super) fn settle(&mut self, breaker: &Breaker, change: u64, verdict: Verdict, now: Instant) {
        let Some(circuit) = self.by_service.get_mut(&breaker.service_id).filter(|circuit| circuit.change == change)
        else {
            return;
        };
        let next = match (&mut circuit.state, verdict) {
            (State::Closed { failures }, Verdict::Fails) => {
                *failures = failures.saturating_add(1);
                if *failures < breaker.failures {
                    return;
                }
                State::Open { since: now }
            }
            (State::Closed { failures }, Verdict::Works) => {
                *failures = 0;
                return;
            }
            (State::Probing { .. }, Verdict::Fails) => State::Open { since: now },
            (State::Probing { .. }, Verdict::Works) => State::Closed { failures: 0 },
            (State::Probing { since }, Verdict::Unknown) => State::Open { since: *since },
            (State::Closed { .. }, Verdict::Unknown) | (State::Open { .. }, _) => return,
        };
        self.change(&breaker.service_id, next);
    }

    /// Closes a circuit. What attempts tell that began before counts for nothing.
    pub(super) fn forget(&mut self, service_id: &str) {
        self.changes += 1;
        self.by_service.remove(service_id);
    }

    fn change(&mut self, service_id: &str, state: State) -> u64 {
        self.changes += 1;
        self.by_service.insert(service_id.to_owned(), Circuit { state, change: self.changes });
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Duration = Duration::from_secs(30);

    fn breaker(service_id: &str) -> Breaker {
        Breaker { service_id: service_id.to_owned(), failures: 1, open: OPEN }
    }

    fn attempt(circuits: &mut Circuits, breaker: &Breaker, verdict: Verdict, now: Instant) {
        let change = circuits.admit(breaker, now).expect("an attempt");
        circuits.settle(breaker, change, verdict, now);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (mut circuits, shop, now) = (Circuits::default(), breaker("shop"), Instant::now());
        attempt(&mut circuits, &shop, Verdict::Fails, now);
        for number in 0..CIRCUITS * 3 {
            attempt(&mut circuits, &breaker(&number.to_string()), Verdict::Works, now);
        }
        assert!(circuits.by_service.len() <= CIRCUITS);
        assert!(circuits.is_open(&shop, now), "an open one is not forgotten");
    }

    #[test]
    fn asking_remembers_nothing() {
        let circuits = Circuits::default();
        assert!(!circuits.is_open(&breaker("shop"), Instant::now()));
        assert!(circuits.by_service.is_empty());
    }
}
