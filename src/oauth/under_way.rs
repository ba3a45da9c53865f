//! Refreshes that were sent and whose answers are not kept yet, of the whole process.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// How long one that waits for them does not look.
const PAUSE: Duration = Duration::from_millis(1);

/// The id of the process in the upper half, and how many there are in the lower. A forked child, which has none of them, is told by
/// the id.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// One of them, for as long as it lives.
pub struct UnderWay(());

impl UnderWay {
    /// One more.
    pub fn begin() -> Self {
        let _ = COUNT.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| Some(own(count) + 1));
        Self(())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let _ =
            COUNT.fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| (own(count) > mark()).then(|| count - 1));
    }
}

/// The count with this process's id, anew where it was another's.
fn own(count: u64) -> u64 {
    if count >> 32 == mark() >> 32 { count } else { mark() }
}

/// The part of the count that is not the process's id.
const NUMBER: u64 = u32::MAX as u64;

fn mark() -> u64 {
    u64::from(process::id()) << 32
}

/// Whether there are any. Nobody who drives their runtime may leave it now. Each call asks several times, so the system is asked
/// for this process's id only where a process has had some.
pub fn is_refreshing() -> bool {
    let count = COUNT.load(Ordering::Acquire);
    count & NUMBER != 0 && own(count) > mark()
}

/// Waits until there are none.
pub async fn refreshed() {
    while is_refreshing() {
        sleep(PAUSE).await;
    }
}
