//! Circuit breakers: a service that keeps failing gets no requests for a while, then one attempt as a probe.
//!
//! One circuit for each service of an engine in a process. A forked child begins with closed ones.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::circuits::Circuits;
pub use super::circuits::{Breaker, Verdict};
use crate::audit::Outcome;
use crate::document::ServiceHead;
use crate::error::{Code, Error};
use crate::sys::lock;

impl Breaker {
    /// The breaker of a service, where its policy has one.
    pub fn of(service: &ServiceHead) -> Option<Self> {
        service.policy.as_ref()?.breaker.as_ref().map(|breaker| Self {
            service_id: service.service_id.clone(),
            failures: breaker.failures,
            open: Duration::from_millis(breaker.open_ms),
        })
    }
}

/// What a call is told while the circuit is open.
pub fn refusal() -> Error {
    Error::new(Code::CircuitOpen, "the service has failed too often; no request is sent to it for a while")
}

/// What the end of an attempt says of the service. Its own 4xx, 429 included, are responses.
pub fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        // RFC 9110 section 15 has what is above 599 treated like a 5xx.
        Outcome::Response(status) if status.as_u16() >= 500 => Verdict::Fails,
        Outcome::Response(_) => Verdict::Works,
        Outcome::Failed { code, .. } => match code.class() {
            "dns" | "connect" | "tls" | "timeout" | "protocol" => Verdict::Fails,
            "response" => Verdict::Works,
            _ => Verdict::Unknown,
        },
    }
}

/// The circuits of an engine.
#[derive(Default)]
pub struct Breakers(Mutex<Circuits>);

/// The permission for an attempt. Where it is dropped without a verdict, another attempt may be the probe at once.
pub struct Permit {
    breakers: Arc<Breakers>,
    breaker: Option<Breaker>,
    /// The state that it was given in, until the attempt's end is told.
    change: Option<u64>,
}

impl Breakers {
    /// The permission for an attempt now, if one may be made. Without a breaker it always may.
    pub fn admit(self: &Arc<Self>, breaker: Option<Breaker>, now: Instant) -> Option<Permit> {
        let mut permit = Permit { breakers: Arc::clone(self), breaker, change: None };
        permit.renew(now).then_some(permit)
    }

    /// Whether an attempt would be refused now. Asking takes no probe, so another call may take it in between.
    pub fn is_open(&self, breaker: Option<&Breaker>, now: Instant) -> bool {
        breaker.is_some_and(|breaker| self.circuits().is_open(breaker, now))
    }

    /// Closes the circuit of a service.
    pub fn forget(&self, service_id: &str) {
        self.circuits().forget(service_id);
    }

    fn circuits(&self) -> MutexGuard<'_, Circuits> {
        lock(&self.0)
    }
}

impl Permit {
    /// Makes it the permission for the next attempt, if one may be made. The last one is settled before.
    pub fn renew(&mut self, now: Instant) -> bool {
        let Some(breaker) = &self.breaker else { return true };
        self.change = self.breakers.circuits().admit(breaker, now);
        self.change.is_some()
    }

    /// Tells that the attempt broke after it had been settled. A response that does not end well counts once more.
    pub fn broke(&mut self, now: Instant) {
        if self.renew(now) {
            self.settle(Verdict::Fails, now);
        }
    }

    /// Tells how the attempt went, once.
    pub fn settle(&mut self, verdict: Verdict, now: Instant) {
        if let (Some(breaker), Some(change)) = (&self.breaker, self.change.take()) {
            self.breakers.circuits().settle(breaker, change, verdict, now);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.settle(Verdict::Unknown, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::error::Sent;

    const OPEN: Duration = Duration::from_secs(30);

    fn breaker(service_id: &str) -> Breaker {
        Breaker { service_id: service_id.to_owned(), failures: 3, open: OPEN }
    }

    /// Circuits, a breaker, and a moment to count from.
    fn circuits() -> (Arc<Breakers>, Breaker, Instant) {
        (Arc::default(), breaker("shop"), Instant::now())
    }

    fn attempt(breakers: &Arc<Breakers>, breaker: &Breaker, verdict: Verdict, now: Instant) -> bool {
        breakers.admit(Some(breaker.clone()), now).map(|mut permit| permit.settle(verdict, now)).is_some()
    }

    /// Makes it open at this moment.
    fn fail(breakers: &Arc<Breakers>, breaker: &Breaker, now: Instant) {
        for _ in 0..breaker.failures {
            assert!(attempt(breakers, breaker, Verdict::Fails, now));
        }
    }

    #[test]
    fn failures_in_a_row_open_it() {
        let (breakers, breaker, now) = circuits();
        for verdict in
            [Verdict::Fails, Verdict::Fails, Verdict::Works, Verdict::Fails, Verdict::Unknown, Verdict::Fails]
        {
            assert!(attempt(&breakers, &breaker, verdict, now), "{verdict:?}");
        }
        assert!(attempt(&breakers, &breaker, Verdict::Fails, now), "the third in a row is still made");
        assert!(!attempt(&breakers, &breaker, Verdict::Works, now));
    }

    #[test]
    fn it_lets_one_probe_through_when_its_time_is_over() {
        let (breakers, breaker, now) = circuits();
        fail(&breakers, &breaker, now);
        assert!(breakers.admit(Some(breaker.clone()), now + OPEN - Duration::from_nanos(1)).is_none());
        let mut probe = breakers.admit(Some(breaker.clone()), now + OPEN).expect("a probe");
        assert!(breakers.admit(Some(breaker.clone()), now + OPEN * 9).is_none(), "one at a time");
        probe.settle(Verdict::Works, now + OPEN);
        fail(&breakers, &breaker, now + OPEN);
        assert!(breakers.admit(Some(breaker.clone()), now + OPEN).is_none(), "it counts from the beginning again");
    }

    #[test]
    fn a_probe_that_fails_opens_it_again_for_the_whole_time() {
        let (breakers, breaker, now) = circuits();
        fail(&breakers, &breaker, now);
        let later = now + OPEN;
        assert!(attempt(&breakers, &breaker, Verdict::Fails, later));
        assert!(!attempt(&breakers, &breaker, Verdict::Works, later + OPEN - Duration::from_nanos(1)));
        assert!(attempt(&breakers, &breaker, Verdict::Works, later + OPEN));
    }

    #[test]
    fn asking_changes_nothing() {
        let (breakers, breaker, now) = circuits();
        let is_open = |now| breakers.is_open(Some(&breaker), now);
        assert!(!is_open(now));
        fail(&breakers, &breaker, now);
        assert!(is_open(now) && is_open(now + OPEN - Duration::from_nanos(1)));
        assert!(!is_open(now + OPEN) && !is_open(now + OPEN), "asking is no probe");
        let probe = breakers.admit(Some(breaker.clone()), now + OPEN).expect("a probe");
        assert!(is_open(now + OPEN * 9), "one at a time");
        drop(probe);
        assert!(!is_open(now + OPEN));
        assert!(!breakers.is_open(None, now), "off by default");
    }

    #[test]
    fn a_probe_that_says_nothing_leaves_its_place_to_another() {
        let (breakers, breaker, now) = circuits();
        fail(&breakers, &breaker, now);
        assert!(attempt(&breakers, &breaker, Verdict::Unknown, now + OPEN));
        drop(breakers.admit(Some(breaker.clone()), now + OPEN).expect("another probe"));
        assert!(breakers.admit(Some(breaker.clone()), now + OPEN).is_some(), "and another");
    }

    #[test]
    fn what_began_before_a_change_does_not_count_after_it() {
        let (breakers, breaker, now) = circuits();
        let mut late = [(); 3].map(|()| breakers.admit(Some(breaker.clone()), now).expect("closed"));
        fail(&breakers, &breaker, now);
        let probe = breakers.admit(Some(breaker.clone()), now + OPEN).expect("a probe");
        late[0].settle(Verdict::Works, now + OPEN);
        assert!(breakers.admit(Some(breaker.clone()), now + OPEN).is_none(), "still probing");
        drop(probe);
        late[1].settle(Verdict::Works, now + OPEN);
        late[2].settle(Verdict::Fails, now + OPEN);
        assert!(
            breakers.admit(Some(breaker.clone()), now + OPEN).is_some(),
            "neither closed nor open for another time"
        );
        assert!(breakers.admit(Some(breaker.clone()), now).is_none());
    }

    #[test]
    fn every_service_has_a_circuit_of_its_own() {
        let (breakers, shop, now) = circuits();
        fail(&breakers, &shop, now);
        assert!(attempt(&breakers, &breaker("search"), Verdict::Works, now));
        assert!(breakers.admit(None, now).is_some(), "off by default");
        assert!(!attempt(&breakers, &shop, Verdict::Works, now));
    }

    #[test]
    fn what_counts_as_a_failure() {
        for status in 200..=999 {
            let status = StatusCode::from_u16(status).expect("in range");
            let expected = if status.as_u16() >= 500 { Verdict::Fails } else { Verdict::Works };
            assert_eq!(verdict(Outcome::Response(status)), expected, "{status}");
        }
        for code in Code::ALL.iter().copied() {
            let expected = match code.class() {
                "dns" | "connect" | "tls" | "timeout" | "protocol" => Verdict::Fails,
                "response" => Verdict::Works,
                _ => Verdict::Unknown,
            };
            assert_eq!(verdict(Outcome::Failed { code, sent: Sent::No }), expected, "{code:?}");
        }
        for (code, expected) in [
            (Code::IdleTimeout, Verdict::Fails),
            (Code::CancelledRequested, Verdict::Unknown),
            (Code::CancelledAbandoned, Verdict::Unknown),
        ] {
            assert_eq!(verdict(Outcome::Failed { code, sent: Sent::Yes }), expected, "{code:?}");
        }
    }
}
