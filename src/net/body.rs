//! The request's body, which notes what the connection took of it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};

use super::body_task::BodyTask;
use super::upload::{BrokenOff, Upload};

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

    /// Notes that a connection begins to write it.
    pub(super) fn take(&self) {
        self.taken.store(true, Ordering::Release);
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

/// The body of a request.
#[derive(Clone)]
pub enum Content {
    /// All of it.
    Whole(Bytes),
    /// What comes while it is sent.
    InPieces(Arc<Upload>),
}

impl Content {
    /// How long it is, if that is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::InPieces(upload) => upload.length(),
        }
    }

    /// Whether it is in pieces, and a connection has come to what makes it unfit to be sent.
    pub fn has_failed(&self) -> bool {
        match self {
            Self::Whole(_) => false,
            Self::InPieces(upload) => upload.failure().is_some(),
        }
    }

    /// Whether it is in pieces of which some have left: it cannot be sent again.
    pub fn has_begun(&self) -> bool {
        match self {
            Self::Whole(_) => false,
            Self::InPieces(upload) => upload.has_begun(),
        }
    }
}

/// The body of a request on its way to a connection.
///
/// hyper asks `is_end_stream` when a connection serialises the head, and not before: pool, checkout and the hand-back of
/// an unsent request leave the body alone. `tests/faults/sent.rs` and `tests/faults/unprocessed.rs` fail when a new version
/// of hyper changes that.
pub struct WitnessBody {
    data: Data,
    witness: Arc<Witness>,
    sender: Option<Arc<BodyTask>>,
}

enum Data {
    Whole(Bytes),
    /// With the number of the request.
    InPieces(Arc<Upload>, u64),
}

impl WitnessBody {
    /// The body of one request, and whom it tells: who sends it too, where that is asked.
    pub fn new(content: Content, witness: Arc<Witness>, sender: Option<Arc<BodyTask>>) -> Self {
        let data = match content {
            Content::Whole(bytes) => Data::Whole(bytes),
            Content::InPieces(upload) => {
                let request = upload.begin();
                Data::InPieces(upload, request)
            }
        };
        Self { data, witness, sender }
    }
}

impl Body for WitnessBody {
    type Data = Leaving;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Leaving>, BrokenOff>>> {
        if let Some(sender) = &self.sender {
            ready!(sender.poll(cx));
        }
        let bytes = match &mut self.data {
            Data::Whole(bytes) => std::mem::take(bytes),
            Data::InPieces(upload, request) => match ready!(upload.poll_bytes(*request, cx)) {
                None => Bytes::new(),
                Some(Ok(bytes)) => bytes,
                Some(Err(broken)) => return Poll::Ready(Some(Err(broken))),
            },
        };
        if bytes.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(Leaving { bytes, witness: Arc::clone(&self.witness) }))))
    }

    fn is_end_stream(&self) -> bool {
        self.witness.take();
        match &self.data {
            Data::Whole(bytes) => bytes.is_empty(),
            Data::InPieces(upload, _) => upload.is_sent(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.data {
            Data::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Data::InPieces(upload, _) => upload.left().map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
