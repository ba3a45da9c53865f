//! What a call may take: time, attempts and bytes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::retry;
use super::state::Engine;
use crate::document::{ByteLimit, CallHead, ServiceHead};
use crate::net::IdleLimit;

/// For how long nothing may come of a response in pieces without a total time.
const IDLE_MS: u64 = 60_000;

/// For how long nothing may come of a call, in milliseconds.
#[derive(Clone, Copy)]
pub struct IdleTimes {
    /// What request and policy say.
    asked: Option<u64>,
    /// What holds of a response in pieces where nobody says anything.
    usual: Option<u64>,
    /// What the configuration allows.
    most: Option<u64>,
}

impl IdleTimes {
    /// Of a response that is wanted whole. `host` is what the host allows.
    pub fn whole(self, host: Option<Duration>) -> Option<Duration> {
        let documents = self.asked.into_iter().chain(self.most).map(Duration::from_millis);
        documents.chain(host).min()
    }

    /// Of one that is read in pieces.
    pub fn in_pieces(self, host: Option<Duration>) -> Option<Duration> {
        let usual = self.usual.filter(|_| self.asked.is_none());
        self.whole(host.or(usual.map(Duration::from_millis)))
    }
}

/// The limits of one call, each the least that configuration, policy and request leave.
pub struct Budget {
    /// When the call ends; of a response that is read in pieces, when the first byte of its body has to be there.
    pub deadline: Instant,
    /// When a response has to have ended that is read in pieces.
    pub total: Instant,
    /// How long making a connection may take, where the request says less than the configuration.
    pub connect: Option<Duration>,
    /// For how long nothing may come.
    pub idle: IdleTimes,
    /// The clock that counts for how long nothing has come, where anybody looks at it.
    pub clock: Option<Arc<IdleLimit>>,
    /// Whether the call goes on beside others.
    pub beside: bool,
    /// How many attempts are made.
    pub max_attempts: u32,
    /// Whether the request may be processed twice.
    pub idempotent: bool,
    /// Cap of the response's body.
    pub response_bytes: ByteLimit,
}

impl Budget {
    /// The budget of a request that came in then.
    pub fn of(engine: &Engine, service: &ServiceHead, call: &CallHead, begun: std::time::Instant) -> Self {
        let settings = &*engine.settings;
        let policy = service.policy.as_ref();
        let asked = call.timeout_ms.into_iter().chain(policy.and_then(|policy| policy.timeout_ms)).min();
        let timeout = asked.unwrap_or(settings.defaults.timeout_ms).min(settings.limits.timeout_ms);
        let response_bytes = match policy.and_then(|policy| policy.response_bytes) {
            Some(bytes) => ByteLimit { bytes, of: "policy.response_bytes" },
            None => ByteLimit { bytes: settings.defaults.response_bytes, of: "defaults.response_bytes" },
        };
        let ceiling = ByteLimit { bytes: settings.limits.response_bytes, of: "limits.response_bytes" };
        let until = |timeout| Instant::from_std(begun + Duration::from_millis(timeout));
        Self {
            deadline: until(timeout),
            total: until(asked.map_or(settings.limits.timeout_ms, |_| timeout)),
            connect: call
                .connect_timeout_ms
                .filter(|limit| *limit < settings.defaults.connect_timeout_ms)
                .map(Duration::from_millis),
            idle: IdleTimes {
                asked: call.idle_timeout_ms.into_iter().chain(policy.and_then(|policy| policy.idle_timeout_ms)).min(),
                usual: asked.is_none().then_some(IDLE_MS),
                most: settings.limits.idle_timeout_ms,
            },
            clock: None,
            beside: false,
            max_attempts: policy.map_or(1, |policy| policy.max_attempts),
            idempotent: retry::is_idempotent(&call.method, call.idempotency_key.is_some()),
            response_bytes: response_bytes.least(ceiling),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idle(asked: Option<u64>, usual: Option<u64>, most: Option<u64>) -> IdleTimes {
        IdleTimes { asked, usual, most }
    }

    #[test]
    fn the_least_idle_time_holds_and_a_minute_of_pieces_where_nobody_says_anything() {
        let host = Some(Duration::from_millis(300));
        for (times, host, whole, in_pieces) in [
            (idle(None, None, None), None, None, None),
            (idle(None, Some(IDLE_MS), None), None, None, Some(60_000)),
            (idle(Some(90_000), Some(IDLE_MS), None), None, Some(90_000), Some(90_000)),
            (idle(None, Some(IDLE_MS), Some(90_000)), None, Some(90_000), Some(60_000)),
            (idle(None, Some(IDLE_MS), Some(200)), None, Some(200), Some(200)),
            (idle(Some(90_000), None, Some(200)), host, Some(200), Some(200)),
            (idle(Some(200), None, Some(90_000)), host, Some(200), Some(200)),
            (idle(None, Some(IDLE_MS), None), host, Some(300), Some(300)),
            (idle(None, Some(100), None), host, Some(300), Some(300)),
        ] {
            let milliseconds = |time: Option<Duration>| time.map(|time| time.as_millis());
            let told = [milliseconds(times.whole(host)), milliseconds(times.in_pieces(host))];
            assert_eq!(told, [whole, in_pieces], "{:?} {:?} {:?} {host:?}", times.asked, times.usual, times.most);
        }
    }
}
