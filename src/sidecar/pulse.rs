//! A timer that is never far away while calls are made.
//!
//! One thread of the runtime waits for the sockets, until the next of all timers at most. Whoever sets an earlier one wakes it, to have
//! it wait for less, and each call sets one, for its deadline. Where the next timer is nearer than deadlines are, nobody is woken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::sleep;

/// Shorter than most deadlines, and rare enough to cost nothing.
const PERIOD: Duration = Duration::from_secs(1);

/// The timer. Where no call has come for a period, there is none, and a daemon without calls sleeps.
#[derive(Clone, Default)]
pub struct Pulse(Arc<Beating>);

#[derive(Default)]
struct Beating {
    is_beating: AtomicBool,
    is_wanted: AtomicBool,
}

impl Pulse {
    /// Notes a call.
    pub fn beat(&self) {
        self.beat_for(PERIOD);
    }

    fn beat_for(&self, period: Duration) {
        self.0.is_wanted.store(true, Ordering::Relaxed);
        if self.0.is_beating.swap(true, Ordering::Relaxed) {
            return;
        }
        let state = Arc::clone(&self.0);
        tokio::spawn(async move {
            while state.is_wanted.swap(false, Ordering::Relaxed) {
                sleep(period).await;
            }
            // A call that is noted right now goes without; the next one is not.
            state.is_beating.store(false, Ordering::Relaxed);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stops_where_no_call_comes_and_goes_on_with_the_next() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let pulse = Pulse::default();
            for _ in 0..3 {
                pulse.beat_for(Duration::from_millis(1));
                pulse.beat_for(Duration::from_millis(1));
                let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
                assert_eq!(tasks, 1, "one timer for all calls");
                while pulse.0.is_beating.load(Ordering::Relaxed) {
                    tokio::task::yield_now().await;
                }
                tokio::task::yield_now().await;
            }
        });
    }
}
