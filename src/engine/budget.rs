//! What a call may take: time, attempts and bytes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::retry;
use super::state::Engine;
use crate::document::{ByteLimit, CallHead, ServiceHead};
use crate::net::IdleLimit;

/// For how long nothing may come of a response without a total time.
const IDLE: Duration = Duration::from_secs(60);

/// The limits of one call, each the least that configuration, policy and request leave.
pub struct Budget {
    /// When the call ends; of a response that is read in pieces, when the first byte of its body has to be there.
    pub deadline: Instant,
    /// When a response has to have ended that is read in pieces.
    pub total: Instant,
    /// For how long nothing may come of one.
    pub idle: Option<Duration>,
    /// The clock of a call that goes on beside others.
    pub beside: Option<Arc<IdleLimit>>,
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
            idle: asked.is_none().then_some(IDLE),
            beside: None,
            max_attempts: policy.map_or(1, |policy| policy.max_attempts),
            idempotent: retry::is_idempotent(&call.method, call.idempotency_key.is_some()),
            response_bytes: response_bytes.least(ceiling),
        }
    }
}
