//! What can be done to a call that is made, and its request's body on the way to the engine.
//!
//! Whoever does it is of the same task as the call's work, which is polled next: so nobody is woken here.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::{Buf, BytesMut};

use super::credit::{Credit, Overdrawn, Taken};
use super::frame::Kind;
use super::peer::Outbox;
use crate::engine::{Ongoing, Rest};
use crate::sys::lock;

/// A call that is made.
#[derive(Default)]
pub struct Running {
    credit: Mutex<Credit>,
    stopped: AtomicBool,
    ongoing: Option<Arc<Ongoing>>,
    arriving: Option<Mutex<Arriving>>,
}

/// The body of a request that is sent on while it arrives.
#[derive(Default)]
struct Arriving {
    bytes: BytesMut,
    credit: Taken,
    is_whole: bool,
    /// Nothing more comes, though it is not whole.
    breaks_off: bool,
    /// The engine wants no more of it.
    is_over: bool,
}

impl Running {
    /// A call whose response is told as it comes, or can be cancelled.
    pub fn of(ongoing: Arc<Ongoing>, is_arriving: bool) -> Self {
        let arriving = is_arriving.then(Mutex::default);
        Self { ongoing: Some(ongoing), arriving, ..Self::default() }
    }

    /// A call that is not made. Its caller may have sent some of its body before it learns that.
    pub fn refused(is_arriving: bool) -> Self {
        let arriving = is_arriving.then(|| Mutex::new(Arriving { is_over: true, ..Arriving::default() }));
        Self { arriving, ..Self::default() }
    }

    /// Gives credit for the response's body.
    pub fn give(&self, bytes: u32) -> Result<(), Overdrawn> {
        lock(&self.credit).give(bytes)
    }

    /// Takes a piece of the request's body.
    pub fn arrive(&self, piece: &[u8], is_last: bool) -> Result<(), Overdrawn> {
        let mut arriving = lock(self.arriving.as_ref().ok_or(Overdrawn)?);
        if arriving.is_whole {
            return Err(Overdrawn);
        }
        arriving.credit.arrived(piece.len())?;
        arriving.is_whole = is_last;
        if !arriving.is_over {
            arriving.bytes.extend_from_slice(piece);
        }
        Ok(())
    }

    /// Ends the request's body behind what has come of it. False where no body is on its way.
    pub fn break_off(&self) -> bool {
        let Some(arriving) = &self.arriving else { return false };
        let mut arriving = lock(arriving);
        arriving.breaks_off |= !arriving.is_whole;
        arriving.is_whole = true;
        true
    }

    /// Hands the request's body to the engine as it arrives. It ends where the engine has all of it, or wants no more.
    pub async fn feed(&self, id: u64, out: &Outbox) {
        let (Some(ongoing), Some(arriving)) = (&self.ongoing, &self.arriving) else { return };
        loop {
            let has_more = |arriving: &Arriving| !arriving.bytes.is_empty() || arriving.is_whole;
            poll_fn(|_| if has_more(&lock(arriving)) { Poll::Ready(()) } else { Poll::Pending }).await;
            if lock(arriving).pass_on(ongoing, id, out) {
                return;
            }
            if !lock(arriving).bytes.is_empty() {
                ongoing.has_room().await;
            }
        }
    }

    /// Ends the call: its caller does not want it any more, or has left it.
    pub fn stop(&self, is_left: bool) {
        self.stopped.store(true, Ordering::Relaxed);
        match &self.ongoing {
            Some(ongoing) if is_left => ongoing.abandon(),
            Some(ongoing) => ongoing.cancel(),
            None => {}
        }
    }

    /// Whether it was ended so.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Whether the caller may leave what it gets unread for as long as it likes.
    pub fn is_read_at_leisure(&self) -> bool {
        self.ongoing.is_some()
    }

    /// Waits until it was ended so.
    pub async fn stopped(&self) {
        poll_fn(|_| if self.is_stopped() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Takes credit for a piece of the response's body, as soon as there is some.
    pub async fn take(&self, most: usize) -> usize {
        poll_fn(|_| {
            let mut credit = lock(&self.credit);
            let bytes = credit.left().min(most);
            if bytes > 0 && credit.spend(bytes).is_ok() { Poll::Ready(bytes) } else { Poll::Pending }
        })
        .await
    }
}

impl Arriving {
    /// Hands over what there is room for, and gives credit for it. Says whether that was the end.
    fn pass_on(&mut self, ongoing: &Ongoing, id: u64, out: &Outbox) -> bool {
        let rest = match (self.is_whole, self.breaks_off) {
            (false, _) => Rest::Follows,
            (true, false) => Rest::Ends,
            (true, true) => Rest::BreaksOff,
        };
        let Some(taken) = ongoing.write(&self.bytes, rest) else {
            self.is_over = true;
            self.bytes = BytesMut::new();
            return true;
        };
        self.bytes.advance(taken);
        // It never gives more than arrived.
        let more = self.credit.passed_on(taken).unwrap_or_default();
        if let Some(more) = more.filter(|_| !self.is_whole) {
            out.tell(Kind::Credit, id, &more.to_be_bytes());
        }
        self.is_over = self.is_whole && self.bytes.is_empty();
        self.is_over
    }
}
