//! The request's body, which notes what the connection took of it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

/// What a connection took of one request.
#[derive(Debug, Default)]
pub struct Witness {
    taken: AtomicBool,
    bytes: AtomicU64,
}

impl Witness {
    /// Whether a connection began to write the request. Until then the other side cannot have seen any of it.
    pub fn taken(&self) -> bool {
        self.taken.load(Ordering::Acquire)
    }

    /// Body bytes that the connection took until now. There may be more until the request is written, also after a response
    /// has come.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }
}

/// The bytes of a body, on their way. Over HTTP/2 most of them wait for the other side to make room, long after the stack
/// has been given the body.
pub struct Leaving {
    bytes: Bytes,
    witness: Arc<Witness>,
}

impl Buf for Leaving {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.witness.bytes.fetch_add(count as u64, Ordering::AcqRel);
    }
}

/// A request body of known length.
///
/// hyper asks `is_end_stream` when a connection serialises the head, and not before: pool, checkout and the hand-back of
/// an unsent request leave the body alone. `tests/faults/sent.rs` and `tests/faults/unprocessed.rs` fail when a new version
/// of hyper changes that.
pub struct WitnessBody {
    data: Bytes,
    witness: Arc<Witness>,
}

impl WitnessBody {
    /// A body of these bytes, and whom it tells.
    pub fn new(data: Bytes, witness: Arc<Witness>) -> Self {
        Self { data, witness }
    }
}

impl Body for WitnessBody {
    type Data = Leaving;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Leaving>, Infallible>>> {
        let bytes = std::mem::take(&mut self.data);
        if bytes.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(Leaving { bytes, witness: Arc::clone(&self.witness) }))))
    }

    fn is_end_stream(&self) -> bool {
        self.witness.taken.store(true, Ordering::Release);
        self.data.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.data.len() as u64)
    }
}
