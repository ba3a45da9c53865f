//! How long nothing has come of a response that somebody waits for.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::body::Witness;
use super::upload::Upload;
use crate::sys::lock;

/// How often a request's body is asked for its progress, in parts of the limit.
const LOOKS: u32 = 8;

/// A limit of the time for which nothing comes. Only time counts in which somebody waits: a caller that pauses says nothing of
/// the server.
pub struct IdleLimit {
    limit: Option<Duration>,
    clock: Mutex<Clock>,
    /// The request's body, where it comes in pieces.
    upload: Option<Arc<Upload>>,
}

#[derive(Debug, Default)]
struct Clock {
    waited: Duration,
    /// When the current waiting began, and by how many.
    since: Option<Instant>,
    waiting: usize,
    /// One of them waits outside the library.
    outside: bool,
    /// Nothing can come, because nothing is taken.
    blocked: bool,
    arrived: u64,
}

impl Clock {
    fn waited(&self, now: Instant) -> Duration {
        self.waited + self.since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn begin_anew(&mut self) {
        self.waited = Duration::ZERO;
        self.since = self.since.map(|_| Instant::now());
    }
}

impl IdleLimit {
    /// A limit; none where there is no time. What is taken of the request's body in pieces is progress, and nothing is expected
    /// while the host owes some of it.
    pub fn new(limit: Option<Duration>, upload: Option<Arc<Upload>>) -> Self {
        Self { limit, clock: Mutex::default(), upload }
    }

    /// Notes that somebody waits, until what is returned is dropped.
    pub fn wait(&self) -> IdleWait<'_> {
        let mut clock = lock(&self.clock);
        // Who has waited outside goes on waiting here.
        clock.waiting += usize::from(!std::mem::take(&mut clock.outside));
        clock.since.get_or_insert_with(Instant::now);
        IdleWait(self)
    }

    /// Notes that somebody waits outside the library, until the next `wait`.
    pub fn wait_outside(&self) {
        let mut clock = lock(&self.clock);
        clock.waiting += usize::from(!std::mem::replace(&mut clock.outside, true));
        clock.since.get_or_insert_with(Instant::now);
    }

    /// Notes bytes of a body.
    pub fn arrived(&self, bytes: usize) {
        let mut clock = lock(&self.clock);
        clock.arrived += bytes as u64;
        clock.begin_anew();
    }

    /// How many bytes of the body have come.
    pub fn bytes(&self) -> u64 {
        lock(&self.clock).arrived
    }

    /// Notes whether the caller has room for more.
    pub fn blocked(&self, blocked: bool) {
        let mut clock = lock(&self.clock);
        if std::mem::replace(&mut clock.blocked, blocked) != blocked {
            clock.begin_anew();
        }
    }

    /// Waits until nothing has come for too long.
    pub async fn exceeded(&self) {
        let looks = if self.upload.is_some() { LOOKS } else { 1 };
        self.exceeded_but_for(|| 0, looks).await;
    }

    /// The same before the head has come: what is taken of the request's body is progress, an interim response is not.
    pub(super) async fn exceeded_by(&self, request: &Witness) {
        lock(&self.clock).begin_anew();
        self.exceeded_but_for(|| request.bytes(), LOOKS).await;
    }

    async fn exceeded_but_for(&self, left_of_request: impl Fn() -> u64, looks: u32) {
        let Some(limit) = self.limit else { return pending().await };
        let upload = self.upload.as_ref();
        let progress = || (left_of_request(), upload.map(|upload| upload.taken()));
        let mut seen = progress();
        loop {
            let before = std::mem::replace(&mut seen, progress());
            let owes = upload.is_some_and(|upload| upload.is_owed());
            let left = self.left(limit, before != seen || owes);
            if left.is_zero() {
                return;
            }
            sleep(left.min(limit / looks).max(Duration::from_millis(1))).await;
        }
    }

    fn left(&self, limit: Duration, progresses: bool) -> Duration {
        let mut clock = lock(&self.clock);
        if progresses || clock.blocked {
            clock.begin_anew();
        }
        limit.saturating_sub(clock.waited(Instant::now()))
    }
}

/// Somebody waits.
pub struct IdleWait<'a>(&'a IdleLimit);

impl Drop for IdleWait<'_> {
    fn drop(&mut self) {
        let mut clock = lock(&self.0.clock);
        clock.waiting -= 1;
        if clock.waiting == 0 {
            clock.waited = clock.waited(Instant::now());
            clock.since = None;
        }
    }
}
