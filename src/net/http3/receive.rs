//! The half of a stream that is read: with a limit of what is read ahead, and without frames that carry nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h3::quic::{self, StreamErrorIncoming, StreamId};

use super::frames::Frames;
use super::streams::{Allowance, Own, flooded, refuse};

/// How much of one stream h3 may hold that nobody has taken. It reads a piece ahead with each frame, and gives the other side room as it
/// reads, so no window of QUIC limits that (hyperium/h3 308).
const UNREAD: usize = 1 << 20;

/// Says that a frame is not whole.
const FRAME_ERROR: u32 = 0x106;

/// The half that is read.
pub struct Receive {
    stream: h3_quinn::RecvStream,
    id: StreamId,
    unread: Arc<Unread>,
    /// What has come and was not given on.
    rest: Bytes,
    content: Content,
}

/// What is judged of it before h3 does.
enum Content {
    /// Of an answer: its frames.
    Answer(Frames, quinn::Connection),
    /// Of a stream that the server opened: how much it is.
    Own(Allowance),
}

/// What h3 holds of a stream.
#[derive(Debug, Default)]
pub struct Unread {
    bytes: AtomicUsize,
    held_back: AtomicBool,
}

impl Unread {
    /// Whether nothing more is read because too much is held. Where h3 then waits, it waits for the end of a frame that is too large.
    pub fn is_held_back(&self) -> bool {
        self.held_back.load(Ordering::Acquire)
    }
}

/// A piece that counts until nobody has any of it.
struct Counted(Bytes, Arc<Unread>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.bytes.fetch_sub(self.0.len(), Ordering::AcqRel);
    }
}

impl Receive {
    /// That of an answer.
    pub fn answer(stream: h3_quinn::RecvStream, unread: Arc<Unread>, connection: quinn::Connection) -> Self {
        Self::of(stream, unread, Bytes::new(), Content::Answer(Frames::default(), connection))
    }

    /// One that the server opened.
    pub fn own(own: Own) -> Self {
        Self::of(own.stream, Arc::default(), own.first, Content::Own(own.allowance))
    }

    fn of(stream: h3_quinn::RecvStream, unread: Arc<Unread>, rest: Bytes, content: Content) -> Self {
        let id = quic::RecvStream::recv_id(&stream);
        Self { stream, id, unread, rest, content }
    }

    /// The next bytes for h3, of those that have come.
    fn judged(&mut self) -> Result<Option<Bytes>, StreamErrorIncoming> {
        match &mut self.content {
            Content::Answer(frames, connection) => frames.next(&mut self.rest).map_err(|_| flooded(connection)),
            Content::Own(_) => Ok((!self.rest.is_empty()).then(|| std::mem::take(&mut self.rest))),
        }
    }

    /// What the end of the stream means: a frame that h3 was not shown has to be whole as well (RFC 9114 section 7.1).
    fn ended(&self) -> Result<Option<Bytes>, StreamErrorIncoming> {
        match &self.content {
            Content::Answer(frames, connection) if frames.is_cut() => {
                Err(StreamErrorIncoming::ConnectionErrorIncoming { connection_error: refuse(connection, FRAME_ERROR) })
            }
            _ => Ok(None),
        }
    }
}

impl quic::RecvStream for Receive {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        let holds_back = self.unread.bytes.load(Ordering::Acquire) >= UNREAD;
        self.unread.held_back.store(holds_back, Ordering::Release);
        if holds_back {
            return Poll::Pending;
        }
        loop {
            if let Some(bytes) = self.judged()? {
                self.unread.bytes.fetch_add(bytes.len(), Ordering::AcqRel);
                return Poll::Ready(Ok(Some(Bytes::from_owner(Counted(bytes, Arc::clone(&self.unread))))));
            }
            let Some(bytes) = ready!(self.stream.poll_data(cx))? else { return Poll::Ready(self.ended()) };
            if let Content::Own(allowance) = &self.content {
                allowance
                    .take(bytes.len())
                    .map_err(|connection_error| StreamErrorIncoming::ConnectionErrorIncoming { connection_error })?;
            }
            self.rest = bytes;
        }
    }

    /// h3 asks for this where it is about to drop the stream, which quinn then stops itself. h3-quinn's own panics while the stream
    /// is being read.
    fn stop_sending(&mut self, _: u64) {}

    fn recv_id(&self) -> StreamId {
        self.id
    }
}
