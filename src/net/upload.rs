//! The body of a request that its host hands over in pieces, while it is sent.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use crate::document::ByteLimit;
use crate::error::{Code, Error};
use crate::sys::lock;

/// How many bytes are taken before the connection wants them.
pub const AHEAD: usize = 64 * 1024;

/// A body between its host and the connection that sends it. It is sent once.
pub struct Upload {
    length: Option<u64>,
    cap: ByteLimit,
    state: Mutex<Pending>,
    failed: Notify,
}

#[derive(Default)]
struct Pending {
    /// Handed over, and not sent yet.
    bytes: BytesMut,
    /// How many were handed over, and how many of them a connection has taken.
    fed: u64,
    taken: u64,
    /// What follows behind the bytes, once that is known.
    end: Option<Result<(), Error>>,
    /// The connection has come to a failure.
    has_failed: bool,
    /// No more of it is wanted.
    is_closed: bool,
    /// The host had more than there was room for.
    is_full: bool,
    /// Which of the requests may take bytes: the last one.
    request: u64,
    host: Option<Waker>,
    connection: Option<Waker>,
}

/// What comes behind bytes that a host hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// More of the body.
    Follows,
    /// Its end.
    Ends,
    /// Nothing, and the body is not whole.
    BreaksOff,
}

impl Upload {
    /// A body of this length, if it is known. One whose length is not known may have as many bytes as `cap` says.
    pub fn new(length: Option<u64>, cap: ByteLimit) -> Self {
        Self { length, cap, state: Mutex::default(), failed: Notify::new() }
    }

    /// Its length, where that is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Takes as many bytes as there is room for, and says how many; nothing where no more of the body is wanted. `rest` counts
    /// where all were taken. What makes the body unfit to be sent comes to light behind the bytes before.
    pub fn feed(&self, bytes: &[u8], rest: Rest) -> Option<usize> {
        let mut state = self.state();
        if state.is_closed || state.end.is_some() {
            return None;
        }
        let (now, later) = bytes.split_at(bytes.len().min(AHEAD - state.bytes.len()));
        let fed = state.fed + now.len() as u64;
        match self.judge(fed, later.is_empty().then_some(rest)) {
            Ok(is_end) => {
                state.bytes.extend_from_slice(now);
                state.fed = fed;
                state.end = is_end.then_some(Ok(()));
            }
            Err(error) => state.end = Some(Err(error)),
        }
        state.is_full = !later.is_empty();
        let connection = state.connection.take();
        drop(state);
        if let Some(connection) = connection {
            connection.wake();
        }
        Some(now.len())
    }

    /// Whether the body ends after so many bytes, if it can be sent.
    fn judge(&self, fed: u64, rest: Option<Rest>) -> Result<bool, Error> {
        let malformed = |message: String| Err(Error::new(Code::Malformed, message));
        match self.length {
            Some(length) if fed > length => {
                malformed(format!("the source of the body gave more than the {length} bytes that it has"))
            }
            None if fed > self.cap.bytes => {
                Err(Error::new(Code::RequestTooLarge, self.cap.exceeded_by("the request's body")))
            }
            Some(length) if rest == Some(Rest::Ends) && fed < length => {
                malformed(format!("the source of the body ended after {fed} of {length} bytes"))
            }
            _ if rest == Some(Rest::BreaksOff) => {
                Err(Error::new(Code::CancelledRequested, "the source of the body broke off"))
            }
            length => Ok(rest == Some(Rest::Ends) || length == Some(fed)),
        }
    }

    /// Whether there is room again for a host that had more bytes than there was room for, or no more are wanted. Its next change
    /// wakes the host.
    pub fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.is_full && (state.bytes.len() < AHEAD || state.is_closed) {
            return Poll::Ready(());
        }
        state.host = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether some of it has left, so that it cannot be sent again.
    pub fn has_begun(&self) -> bool {
        let state = self.state();
        state.taken > 0 || state.has_failed || state.is_closed
    }

    /// How many bytes a connection has still to take, where that is known.
    pub(super) fn left(&self) -> Option<u64> {
        self.length.map(|length| length - self.taken())
    }

    /// How many bytes a connection has taken.
    pub(super) fn taken(&self) -> u64 {
        self.state().taken
    }

    /// Whether a connection waits for bytes that the host has not handed over.
    pub(super) fn is_owed(&self) -> bool {
        self.state().connection.is_some()
    }

    /// Waits until the connection has come to what makes the body unfit to be sent.
    pub async fn failed(&self) -> Error {
        loop {
            if let Some(error) = self.failure() {
                return error;
            }
            self.failed.notified().await;
        }
    }

    /// What makes the body unfit to be sent, once the connection has come to it.
    pub(super) fn failure(&self) -> Option<Error> {
        let state = self.state();
        state.end.clone().filter(|_| state.has_failed)?.err()
    }

    /// Has no more of it sent. A connection that wants more breaks the request off.
    pub fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.bytes = BytesMut::new();
        let wakers = [state.host.take(), state.connection.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    /// The number of a request that this is the body of from now on, and of no other any more.
    pub(super) fn begin(&self) -> u64 {
        let mut state = self.state();
        state.connection = None;
        state.request += 1;
        state.request
    }

    /// The next bytes for the request of this number.
    pub(super) fn poll_bytes(&self, request: u64, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let mut state = self.state();
        if request != state.request {
            return Poll::Ready(Some(Err(BrokenOff::default())));
        }
        if self.is_whole(&state) {
            return Poll::Ready(None);
        }
        if state.is_closed {
            return Poll::Ready(Some(Err(BrokenOff::default())));
        }
        if !state.bytes.is_empty() {
            let bytes = state.bytes.split().freeze();
            state.taken += bytes.len() as u64;
            let host = state.host.take();
            drop(state);
            if let Some(host) = host {
                host.wake();
            }
            return Poll::Ready(Some(Ok(bytes)));
        }
        if state.end.is_some() {
            state.has_failed = true;
            drop(state);
            self.failed.notify_one();
            return Poll::Ready(Some(Err(BrokenOff::default())));
        }
        state.connection = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether all of it has been taken. An empty body whose length nobody said has to be ended by the connection.
    pub(super) fn is_sent(&self) -> bool {
        let state = self.state();
        self.is_whole(&state) && (self.length.is_some() || state.taken > 0)
    }

    fn is_whole(&self, state: &Pending) -> bool {
        state.bytes.is_empty()
            && (self.length == Some(state.taken) || matches!(state.end, Some(Ok(()))) && state.fed == state.taken)
    }

    fn state(&self) -> MutexGuard<'_, Pending> {
        lock(&self.state)
    }
}

/// What a connection is told of a body that ends before it is whole, so that it resets the stream or closes.
#[derive(Debug)]
pub struct BrokenOff(h2::Error);

impl Default for BrokenOff {
    fn default() -> Self {
        Self(h2::Reason::CANCEL.into())
    }
}

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of the request broke off")
    }
}

impl StdError for BrokenOff {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_that_another_follows_gets_nothing_and_is_owed_nothing() {
        let upload = Upload::new(Some(3), ByteLimit { bytes: 9, of: "limits.request_bytes" });
        let mut cx = Context::from_waker(Waker::noop());
        let first = upload.begin();
        assert!(upload.poll_bytes(first, &mut cx).is_pending() && upload.is_owed());
        let second = upload.begin();
        assert!(!upload.is_owed(), "nobody waits for the host");
        assert_eq!((upload.feed(b"abc", Rest::Ends), upload.has_begun()), (Some(3), false));
        assert!(matches!(upload.poll_bytes(first, &mut cx), Poll::Ready(Some(Err(_)))));
        assert!(matches!(upload.poll_bytes(second, &mut cx), Poll::Ready(Some(Ok(bytes))) if bytes == "abc"));
        assert!(upload.has_begun() && upload.is_sent());
    }
}
