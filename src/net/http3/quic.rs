//! QUIC as h3 sees it: h3-quinn's types, with streams that end as they should, and what is read judged before.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};

use super::receive::{Receive, Unread};
use super::streams::ServerStreams;
use crate::net::body::{Leaving, Witness};
use crate::sys::lock;

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
    /// Its stream, where it has been opened already.
    pub stream: Mutex<Option<Opened>>,
}

/// A stream that was opened and not written to.
pub type Opened = h3_quinn::BidiStream<Leaving>;

/// A connection.
pub struct Connection {
    h3: h3_quinn::Connection,
    quic: quinn::Connection,
    streams: ServerStreams,
}

/// What opens the streams of one.
#[derive(Clone)]
pub struct Opener {
    h3: h3_quinn::OpenStreams,
    quic: quinn::Connection,
}

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

impl Connection {
    /// The connection for h3.
    pub fn new(connection: quinn::Connection) -> Self {
        let (quic, streams) = (connection.clone(), ServerStreams::new(connection.clone()));
        Self { h3: h3_quinn::Connection::new(connection), quic, streams }
    }
}

impl Opener {
    /// A stream, if the server takes another one now.
    pub fn open_at_once(&self) -> Option<Opened> {
        let mut cx = Context::from_waker(Waker::noop());
        match quic::OpenStreams::<Leaving>::poll_open_bidi(&mut self.h3.clone(), &mut cx) {
            Poll::Ready(opened) => opened.ok(),
            Poll::Pending => None,
        }
    }
}

impl<B: Buf> Both<B> {
    fn of(stream: h3_quinn::BidiStream<B>, connection: quinn::Connection) -> Self {
        let (send, receive) = quic::BidiStream::split(stream);
        let unread = OPENING.try_with(|opening| Arc::clone(&opening.unread)).unwrap_or_default();
        let receive = Receive::answer(receive, unread, connection);
        Self { send: Send { stream: send, is_over: false, is_request: true }, receive }
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

impl quic::Connection<Leaving> for Connection {
    type RecvStream = Receive;
    type OpenStreams = Opener;

    fn poll_accept_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Receive, ConnectionErrorIncoming>> {
        while let Poll::Ready(opened) = quic::Connection::<Leaving>::poll_accept_recv(&mut self.h3, cx) {
            self.streams.opened(opened?)?;
        }
        self.streams.poll_next(cx).map_ok(Receive::own)
    }

    fn poll_accept_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Both<Leaving>, ConnectionErrorIncoming>> {
        let quic = self.quic.clone();
        quic::Connection::<Leaving>::poll_accept_bidi(&mut self.h3, cx).map_ok(|stream| Both::of(stream, quic))
    }

    fn opener(&self) -> Opener {
        Opener { h3: quic::Connection::<Leaving>::opener(&self.h3), quic: self.quic.clone() }
    }
}

macro_rules! opens_streams {
    ($type:ty) => {
        impl quic::OpenStreams<Leaving> for $type {
            type BidiStream = Both<Leaving>;
            type SendStream = Send<Leaving>;

            fn poll_open_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Both<Leaving>, StreamErrorIncoming>> {
                let quic = self.quic.clone();
                if let Ok(Some(opened)) = OPENING.try_with(|opening| lock(&opening.stream).take()) {
                    return Poll::Ready(Ok(Both::of(opened, quic)));
                }
                quic::OpenStreams::<Leaving>::poll_open_bidi(&mut self.h3, cx).map_ok(|stream| Both::of(stream, quic))
            }

            fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<Send<Leaving>, StreamErrorIncoming>> {
                quic::OpenStreams::<Leaving>::poll_open_send(&mut self.h3, cx).map_ok(Send::of)
            }

            fn close(&mut self, code: Code, reason: &[u8]) {
                quic::OpenStreams::<Leaving>::close(&mut self.h3, code, reason);
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
