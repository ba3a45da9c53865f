//! One fetch of a token for all callers that want it (single-flight).
//!
//! A fetch is a task on a runtime that callers may have to drive, so it pauses when the last of them leaves and goes on with
//! whoever comes next. What happens to it in between, a server that hangs up or a deadline that passes, says nothing about the
//! token endpoint.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::lease::Lease;
use super::token::TokenId;
use crate::error::{Code, Error};
use crate::sys::lock;

/// The time that a caller has for waiting is divided into so many parts. After each of them one more process of the host may
/// ask for the token, beside those that may already and make no progress.
const PARTS: u32 = 4;

/// How a fetch ended.
pub type Ended = Result<(), Error>;

/// A fetch under way.
pub struct SingleFlight {
    /// The token that this one is to replace: finding it once more is no success.
    pub replaces: Option<TokenId>,
    /// Whether that one still served when this began.
    early: bool,
    /// When the fetch gives up, whoever waits for it.
    pub deadline: Instant,
    begun: Instant,
    waiting: Mutex<Waiting>,
    paused: AtomicBool,
    ended: watch::Sender<Option<Ended>>,
    task: OnceLock<AbortHandle>,
}

/// Who drives the fetch, and what must not be held while nobody does.
#[derive(Default)]
struct Waiting {
    waiters: usize,
    lease: Option<Lease>,
    /// Whether it goes on to its end, whoever waits.
    committed: bool,
    /// Since when and until when somebody waits who cannot do without the token: the one that has to give up first.
    needed: Option<(Instant, Instant)>,
}

impl SingleFlight {
    /// A fetch that is about to begin.
    pub fn new(replaces: Option<TokenId>, early: bool, deadline: Instant) -> Arc<Self> {
        let (ended, _) = watch::channel(None);
        Arc::new(Self {
            replaces,
            early,
            deadline,
            begun: Instant::now(),
            waiting: Mutex::default(),
            paused: AtomicBool::new(false),
            ended,
            task: OnceLock::new(),
        })
    }

    /// Says which task fetches.
    pub fn set_task(&self, task: AbortHandle) {
        // A fetch is given its task once, by whoever starts it.
        let _ = self.task.set(task);
    }

    /// Waits with the others, or at least drives with them.
    pub fn join(self: &Arc<Self>) -> Waiter {
        let mut waiting = lock(&self.waiting);
        waiting.waiters += 1;
        Waiter { fetch: Arc::clone(self), was_paused: self.was_paused() }
    }

    /// Says that somebody cannot do without its token, and waits for it until then.
    pub fn need(&self, until: Instant) {
        let now = Instant::now();
        let mut waiting = lock(&self.waiting);
        if waiting.needed.is_none_or(|(_, earliest)| until < earliest || earliest <= now) {
            waiting.needed = Some((now, until));
        }
    }

    /// Whether somebody cannot do without its token. If not, the one that it replaces still serves.
    pub fn is_needed(&self) -> bool {
        lock(&self.waiting).needed.is_some()
    }

    /// Whether nobody would miss it.
    pub fn is_early(&self) -> bool {
        self.early && !self.is_needed()
    }

    /// How many may ask beside the holder of the lease by now. A process that is stopped keeps its lease, and a token endpoint
    /// that is slow is not to be asked by everybody.
    pub fn substitutes(&self) -> u32 {
        let (since, until) = lock(&self.waiting).needed.unwrap_or((self.begun, self.deadline));
        let part = until.duration_since(since) / PARTS;
        let has_passed = |part_end: &u32| since.elapsed() >= part * *part_end;
        (1..PARTS).filter(has_passed).count() as u32
    }

    /// Whether it was without anybody to drive it at some time.
    pub fn was_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// Whether nobody drives it now, at least not for its own sake.
    pub fn is_paused(&self) -> bool {
        let waiting = lock(&self.waiting);
        waiting.waiters == 0 && !waiting.committed
    }

    /// Has it go on to its end from now on, whoever waits for it. False where nobody does: then it may not.
    pub fn commit(&self) -> bool {
        let mut waiting = lock(&self.waiting);
        waiting.committed = waiting.waiters > 0;
        waiting.committed
    }

    /// Whether its time passed while nobody drove it.
    pub fn has_lapsed(&self, now: Instant) -> bool {
        now >= self.deadline && self.is_paused()
    }

    /// Holds the lease until it is taken, or nobody waits any more. False where nobody does: whoever pauses must not keep others
    /// from fetching.
    pub fn hold(&self, lease: Lease) -> bool {
        let mut waiting = lock(&self.waiting);
        if waiting.waiters > 0 {
            waiting.lease = Some(lease);
        }
        waiting.waiters > 0
    }

    /// The lease, if it is still held.
    pub fn take_lease(&self) -> Option<Lease> {
        lock(&self.waiting).lease.take()
    }

    /// Tells everybody who waits.
    pub fn end(&self, ended: Ended) {
        self.ended.send_replace(Some(ended));
    }

    /// Ends the task where it is, unless it has to come to its end.
    pub fn abort(&self) {
        if lock(&self.waiting).committed {
            return;
        }
        if let Some(task) = self.task.get() {
            task.abort();
        }
        drop(self.take_lease());
    }

    /// Whether the end is known.
    pub fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
    }
}

/// One that waits for a fetch, or at least drives it on.
pub struct Waiter {
    fetch: Arc<SingleFlight>,
    was_paused: bool,
}

impl Waiter {
    /// The fetch.
    pub fn fetch(&self) -> &Arc<SingleFlight> {
        &self.fetch
    }

    /// Whether the fetch had been paused before this one joined, so that its failure tells nothing.
    pub fn resumes(&self) -> bool {
        self.was_paused
    }

    /// Waits for the end.
    pub async fn ended(&self) -> Ended {
        let mut ended = self.fetch.ended.subscribe();
        let ended = ended.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone());
        ended.unwrap_or_else(|| Err(Error::new(Code::Panic, "a token request ended without an end")))
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = lock(&self.fetch.waiting);
        waiting.waiters = waiting.waiters.saturating_sub(1);
        if waiting.waiters == 0 && !waiting.committed && !self.fetch.has_ended() {
            self.fetch.paused.store(true, Ordering::Release);
            waiting.lease = None;
            waiting.needed = None;
        }
    }
}
