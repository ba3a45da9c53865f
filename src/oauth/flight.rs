//! One fetch of a token, and those who wait for it.
//!
//! A fetch is a task on a runtime that callers drive, so it pauses when the last of them leaves and goes on with whoever
//! comes next. What happens to it in between, a server that hangs up or a deadline that passes, says nothing about the token
//! endpoint.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Lease;
use super::token::TokenId;
use crate::error::{Code, Error};
use crate::sys::lock;

/// Into so many parts the time is divided that somebody has for waiting. After each of them one more process of the host may
/// ask for the token, beside those that have the right to and do not get on.
const PARTS: u32 = 4;

/// How a fetch ended.
pub type Landed = Result<(), Error>;

/// A fetch under way.
pub struct Flight {
    /// The token that this one is to replace: finding it once more is no success.
    pub replaces: Option<TokenId>,
    /// When the fetch gives up, whoever waits for it.
    pub deadline: Instant,
    begun: Instant,
    aboard: Mutex<Aboard>,
    paused: AtomicBool,
    landed: watch::Sender<Option<Landed>>,
    task: OnceLock<AbortHandle>,
}

/// Who drives the fetch, and what must not be held while nobody does.
#[derive(Default)]
struct Aboard {
    riders: usize,
    lease: Option<Lease>,
    /// Since when and until when somebody waits who cannot do without the token: the one that has to give up first.
    hurry: Option<(Instant, Instant)>,
}

impl Flight {
    /// A fetch that is about to begin.
    pub fn new(replaces: Option<TokenId>, deadline: Instant) -> Arc<Self> {
        let (landed, _) = watch::channel(None);
        Arc::new(Self {
            replaces,
            deadline,
            begun: Instant::now(),
            aboard: Mutex::default(),
            paused: AtomicBool::new(false),
            landed,
            task: OnceLock::new(),
        })
    }

    /// The task that fetches.
    pub fn is_flown_by(&self, task: AbortHandle) {
        // A flight is given its task once, by whoever starts it.
        let _ = self.task.set(task);
    }

    /// Waits with the others, or at least drives with them.
    pub fn board(self: &Arc<Self>) -> Ride {
        let mut aboard = lock(&self.aboard);
        aboard.riders += 1;
        Ride { flight: Arc::clone(self), was_paused: self.was_paused() }
    }

    /// Says that somebody cannot do without its token, and waits for it until then.
    pub fn hurry(&self, until: Instant) {
        let now = Instant::now();
        let mut aboard = lock(&self.aboard);
        if aboard.hurry.is_none_or(|(_, earliest)| until < earliest || earliest <= now) {
            aboard.hurry = Some((now, until));
        }
    }

    /// Whether somebody cannot do without its token. If not, the one that it replaces still serves.
    pub fn is_urgent(&self) -> bool {
        lock(&self.aboard).hurry.is_some()
    }

    /// How many may ask beside the holder of the lease by now. A process that is stopped keeps its lease, and a token endpoint
    /// that is slow is not to be asked by everybody.
    pub fn stand_ins(&self) -> u32 {
        let (since, until) = lock(&self.aboard).hurry.unwrap_or((self.begun, self.deadline));
        let part = until.duration_since(since) / PARTS;
        let has_passed = |part_end: &u32| since.elapsed() >= part * *part_end;
        (1..PARTS).filter(has_passed).count() as u32
    }

    /// Whether it was without anybody to drive it at some time.
    pub fn was_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// Whether nobody drives it now, at least not for its own sake.
    pub fn is_deserted(&self) -> bool {
        lock(&self.aboard).riders == 0
    }

    /// Whether its time passed while nobody drove it.
    pub fn is_lost(&self, now: Instant) -> bool {
        now >= self.deadline && self.is_deserted()
    }

    /// Takes the lease aboard. False where nobody is: whoever pauses must not keep others from fetching.
    pub fn hold(&self, lease: Lease) -> bool {
        let mut aboard = lock(&self.aboard);
        if aboard.riders > 0 {
            aboard.lease = Some(lease);
        }
        aboard.riders > 0
    }

    /// The lease, if it is still aboard.
    pub fn unload(&self) -> Option<Lease> {
        lock(&self.aboard).lease.take()
    }

    /// Tells everybody aboard.
    pub fn land(&self, landed: Landed) {
        self.landed.send_replace(Some(landed));
    }

    /// Ends the task where it is.
    pub fn abandon(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
        drop(self.unload());
    }

    /// Whether the end is known.
    pub fn has_landed(&self) -> bool {
        self.landed.borrow().is_some()
    }
}

/// A place aboard, for as long as the caller drives the runtime.
pub struct Ride {
    flight: Arc<Flight>,
    was_paused: bool,
}

impl Ride {
    /// The fetch.
    pub fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }

    /// Whether the fetch had been paused before this ride began, so that its failure tells nothing.
    pub fn resumes(&self) -> bool {
        self.was_paused
    }

    /// Waits for the end.
    pub async fn landed(&self) -> Landed {
        let mut landed = self.flight.landed.subscribe();
        let landed = landed.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone());
        landed.unwrap_or_else(|| Err(Error::new(Code::Panic, "a token request ended without an end")))
    }
}

impl Drop for Ride {
    fn drop(&mut self) {
        let mut aboard = lock(&self.flight.aboard);
        aboard.riders = aboard.riders.saturating_sub(1);
        if aboard.riders == 0 && !self.flight.has_landed() {
            self.flight.paused.store(true, Ordering::Release);
            aboard.lease = None;
            aboard.hurry = None;
        }
    }
}
