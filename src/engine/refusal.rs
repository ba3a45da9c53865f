//! Looking at a refusal that may say what was wrong with what was signed.

use std::time::Duration;

use tokio::time::Instant;

use crate::net::Response;
use crate::sys::Buffer;

/// How much of it is looked at, and for how long at most.
const LOOKED_AT: usize = 64 * 1024;
const LOOKING: Duration = Duration::from_secs(1);

/// The beginning of its body, which stays to be read.
pub async fn look(refusal: &mut Response, deadline: Instant) -> Buffer {
    refusal.look(LOOKED_AT, deadline.min(Instant::now() + LOOKING)).await
}
