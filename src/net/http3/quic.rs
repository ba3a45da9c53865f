//! QUIC as h3 sees it: h3-quinn's types, with a limit of what is read ahead, and streams that end as they should.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};

use crate::net::body::Witness;

/// How much of one stream h3 may hold that nobody has taken. It reads a piece ahead with each frame, and gives the other side room as it
/// reads, so no window of QUIC limits that (hyperium/h3 308).
const UNREAD: usize = 1 << 20;

/// What stops a stream whose request is given up (RFC 9114 section 8.1).
const REQUEST_CANCELLED: u64 = 0x10c;

tokio::task_local! {
    /// The request whose stream is opened and written by what is polled.
    pub static OPENING: Arc<Opening>;
}

/// A request on its way to a stream.
#[derive(Default)]
pub struct Opening {
    /// What sees it leave.
    pub witness: Arc<Witness>,
    /// What h3 will hold of its response.
    pub unread: Arc<Unread>,
}

/// A connection.
pub struct Connection(h3_quinn::Connection);

/// What opens the streams of one.
#[derive(Clone)]
pub struct Opener(h3_quinn::OpenStreams);

/// Both halves of a stream.
pub struct Both<B: Buf> {
    send: Send<B>,
    receive: Receive,
}

/// The half that is written. One that is dropped before its end is reset: quinn would end it, and half a body be a whole one.
pub struct Send<B: Buf> {
    stream: h3_quinn::SendStream<B>,
    is_over: bool,
    is_request: bool,
}

/// The half that is read.
pub struct Receive {
    stream: h3_quinn::RecvStream,
    id: StreamId,
    unread: Arc<Unread>,
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

impl Connection {
    /// The connection for h3.
    pub fn new(connection: quinn::Connection) -> Self {
        Self(h3_quinn::Connection::new(connection))
    }
}

impl<B: Buf> Both<B> {
    fn of(stream: h3_quinn::BidiStream<B>) -> Self {
        let (send, receive) = quic::BidiStream::split(stream);
        Self { send: Send { stream: send, is_over: false, is_request: true }, receive: Receive::of(receive) }
    }
}

impl Receive {
    fn of(stream: h3_quinn::RecvStream) -> Self {
        let id = quic::RecvStream::recv_id(&stream);
        let unread = OPENING.try_with(|opening| Arc::clone(&opening.unread)).unwrap_or_default();
        Self { stream, id, unread }
    }
}

impl<B: Buf> Send<B> {
    fn of(stream: h3_quinn::SendStream<B>) -> Self {
        Self { stream, is_over: false, is_request: false }
    }
}

impl<B: Buf> Drop for Send<B> {
    fn drop(&mut self) {
        if self.is_request && !self.is_over {
            quic::SendStream::reset(&mut self.stream, REQUEST_CANCELLED);
        }
    }
}

impl<B: Buf> quic::Connection<B> for Connection {
    type RecvStream = Receive;
    type OpenStreams = Opener;

    fn poll_accept_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Receive, ConnectionErrorIncoming>> {
        quic::Connection::<B>::poll_accept_recv(&mut self.0, cx).map_ok(Receive::of)
    }

    fn poll_accept_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Both<B>, ConnectionErrorIncoming>> {
        quic::Connection::<B>::poll_accept_bidi(&mut self.0, cx).map_ok(Both::of)
    }

    fn opener(&self) -> Opener {
        Opener(quic::Connection::<B>::opener(&self.0))
    }
}

macro_rules! opens_streams {
    ($type:ty) => {
        impl<B: Buf> quic::OpenStreams<B> for $type {
            type BidiStream = Both<B>;
            type SendStream = Send<B>;

            fn poll_open_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Both<B>, StreamErrorIncoming>> {
                quic::OpenStreams::<B>::poll_open_bidi(&mut self.0, cx).map_ok(Both::of)
            }

            fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<Send<B>, StreamErrorIncoming>> {
                quic::OpenStreams::<B>::poll_open_send(&mut self.0, cx).map_ok(Send::of)
            }

            fn close(&mut self, code: Code, reason: &[u8]) {
                quic::OpenStreams::<B>::close(&mut self.0, code, reason);
            }
        }
    };
}

opens_streams!(Connection);
opens_streams!(Opener);

impl<B: Buf> quic::SendStream<B> for Send<B> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.stream.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        // Until now the other side cannot have seen anything of the request.
        let _ = OPENING.try_with(|opening| opening.witness.take());
        self.stream.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.is_over = true;
        self.stream.poll_finish(cx)
    }

    fn reset(&mut self, reset_code: u64) {
        self.is_over = true;
        self.stream.reset(reset_code);
    }

    fn send_id(&self) -> StreamId {
        self.stream.send_id()
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
        let Some(bytes) = ready!(self.stream.poll_data(cx))? else { return Poll::Ready(Ok(None)) };
        self.unread.bytes.fetch_add(bytes.len(), Ordering::AcqRel);
        Poll::Ready(Ok(Some(Bytes::from_owner(Counted(bytes, Arc::clone(&self.unread))))))
    }

    /// h3 asks for this where it is about to drop the stream, which quinn then stops itself. h3-quinn's own panics while the stream
    /// is being read.
    fn stop_sending(&mut self, _: u64) {}

    fn recv_id(&self) -> StreamId {
        self.id
    }
}

impl<B: Buf> quic::RecvStream for Both<B> {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamErrorIncoming>> {
        self.receive.poll_data(cx)
    }

    fn stop_sending(&mut self, error_code: u64) {
        self.receive.stop_sending(error_code);
    }

    fn recv_id(&self) -> StreamId {
        self.receive.recv_id()
    }
}

impl<B: Buf> quic::SendStream<B> for Both<B> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.send.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamErrorIncoming>> {
        self.send.poll_finish(cx)
    }

    fn reset(&mut self, reset_code: u64) {
        self.send.reset(reset_code);
    }

    fn send_id(&self) -> StreamId {
        self.send.send_id()
    }
}

impl<B: Buf> quic::BidiStream<B> for Both<B> {
    type SendStream = Send<B>;
    type RecvStream = Receive;

    fn split(self) -> (Send<B>, Receive) {
        (self.send, self.receive)
    }
}
