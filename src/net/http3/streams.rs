//! The streams that a server opens by itself (RFC 9114 section 6.2): h3 gets its control stream, and what has no meaning to be stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use h3::quic::{ConnectionErrorIncoming, RecvStream, StreamErrorIncoming};
use quinn::VarInt;

use super::frames::number;

/// How many bytes a server may send on all of them. What it has to say there are its settings, and when it goes away.
const BYTES: usize = 64 << 10;
/// How many it may open, those that mean nothing included.
const STREAMS: usize = 64;

const PUSH: u64 = 1;
const ENCODER: u64 = 2;
const DECODER: u64 = 3;
/// The only instruction of QPACK for a table that has no room: that it has none.
const NO_TABLE: u8 = 0x20;

const EXCESSIVE_LOAD: u32 = 0x107;
const CLOSED_CRITICAL_STREAM: u32 = 0x104;
const STREAM_CREATION_ERROR: u32 = 0x103;
const ID_ERROR: u32 = 0x108;
const ENCODER_STREAM_ERROR: u32 = 0x201;

/// Those of one connection.
pub struct ServerStreams {
    connection: quinn::Connection,
    left: Arc<AtomicUsize>,
    streams: usize,
    /// Those whose type is not known yet, with what has come.
    fresh: Vec<(h3_quinn::RecvStream, Vec<u8>)>,
    encoder: Option<h3_quinn::RecvStream>,
    decoder: Option<h3_quinn::RecvStream>,
}

/// One that h3 reads, beginning with these bytes.
pub struct Own {
    /// Where the rest comes from.
    pub stream: h3_quinn::RecvStream,
    /// What has come already.
    pub first: Bytes,
    /// What counts its bytes.
    pub allowance: Allowance,
}

/// How much may still come.
pub struct Allowance(Arc<AtomicUsize>, quinn::Connection);

impl Allowance {
    /// Takes so many bytes of it, or ends the connection.
    pub fn take(&self, bytes: usize) -> Result<(), ConnectionErrorIncoming> {
        let left = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(bytes));
        left.map(drop).map_err(|_| refuse(&self.1, EXCESSIVE_LOAD))
    }
}

/// Ends a connection with this error.
pub fn refuse(connection: &quinn::Connection, code: u32) -> ConnectionErrorIncoming {
    // A reason that there is already stays.
    if connection.close_reason().is_none() {
        connection.close(VarInt::from_u32(code), b"");
    }
    ConnectionErrorIncoming::InternalError("the server does not keep to HTTP/3".to_owned())
}

/// Ends a connection whose server sends too much that carries nothing.
pub fn flooded(connection: &quinn::Connection) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error: refuse(connection, EXCESSIVE_LOAD) }
}

impl ServerStreams {
    /// None yet.
    pub fn new(connection: quinn::Connection) -> Self {
        let left = Arc::new(AtomicUsize::new(BYTES));
        Self { connection, left, streams: 0, fresh: Vec::new(), encoder: None, decoder: None }
    }

    /// Notes one that was opened.
    pub fn opened(&mut self, stream: h3_quinn::RecvStream) -> Result<(), ConnectionErrorIncoming> {
        self.streams += 1;
        if self.streams > STREAMS {
            return Err(refuse(&self.connection, EXCESSIVE_LOAD));
        }
        self.fresh.push((stream, Vec::new()));
        Ok(())
    }

    /// The next one for h3.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Own, ConnectionErrorIncoming>> {
        let mut place = 0;
        while place < self.fresh.len() {
            match self.typed(cx, place)? {
                Typed::Later => place += 1,
                Typed::Gone => drop(self.fresh.swap_remove(place)),
                Typed::As(PUSH) => return Poll::Ready(Err(refuse(&self.connection, ID_ERROR))),
                Typed::As(kind @ (ENCODER | DECODER)) => {
                    let (stream, first) = self.fresh.swap_remove(place);
                    let is_encoder = kind == ENCODER;
                    let stays = if is_encoder { &mut self.encoder } else { &mut self.decoder };
                    if stays.replace(stream).is_some() {
                        return Poll::Ready(Err(refuse(&self.connection, STREAM_CREATION_ERROR)));
                    }
                    let instructions = number(&first).map_or(&[][..], |(_, rest)| rest);
                    self.instructions(instructions, is_encoder)?;
                }
                Typed::As(_) => {
                    let (stream, first) = self.fresh.swap_remove(place);
                    return Poll::Ready(Ok(Own { stream, first: first.into(), allowance: self.allowance() }));
                }
            }
        }
        for is_encoder in [true, false] {
            self.qpack(cx, is_encoder)?;
        }
        Poll::Pending
    }

    fn typed(&mut self, cx: &mut Context<'_>, place: usize) -> Result<Typed, ConnectionErrorIncoming> {
        let allowance = self.allowance();
        let Some((stream, first)) = self.fresh.get_mut(place) else { return Ok(Typed::Later) };
        loop {
            if let Some((kind, _)) = number(first) {
                return Ok(Typed::As(kind));
            }
            match stream.poll_data(cx) {
                Poll::Pending => return Ok(Typed::Later),
                Poll::Ready(Ok(Some(bytes))) => {
                    allowance.take(bytes.remaining())?;
                    first.extend_from_slice(&bytes);
                }
                Poll::Ready(Err(StreamErrorIncoming::ConnectionErrorIncoming { connection_error })) => {
                    return Err(connection_error);
                }
                // One may end before it says what it is.
                Poll::Ready(Ok(None) | Err(_)) => return Ok(Typed::Gone),
            }
        }
    }

    /// Reads one of QPACK's streams, which has nothing to say where there is no table.
    fn qpack(&mut self, cx: &mut Context<'_>, is_encoder: bool) -> Result<(), ConnectionErrorIncoming> {
        let allowance = self.allowance();
        loop {
            let Some(stream) = (if is_encoder { &mut self.encoder } else { &mut self.decoder }) else { return Ok(()) };
            match stream.poll_data(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(Some(bytes))) => {
                    allowance.take(bytes.remaining())?;
                    self.instructions(&bytes, is_encoder)?;
                }
                Poll::Ready(Err(StreamErrorIncoming::ConnectionErrorIncoming { connection_error })) => {
                    return Err(connection_error);
                }
                Poll::Ready(Ok(None) | Err(_)) => return Err(refuse(&self.connection, CLOSED_CRITICAL_STREAM)),
            }
        }
    }

    /// Judges instructions. A decoder may say that it has given up a stream, which changes nothing.
    fn instructions(&self, bytes: &[u8], of_encoder: bool) -> Result<(), ConnectionErrorIncoming> {
        match of_encoder && bytes.iter().any(|byte| *byte != NO_TABLE) {
            true => Err(refuse(&self.connection, ENCODER_STREAM_ERROR)),
            false => Ok(()),
        }
    }

    fn allowance(&self) -> Allowance {
        Allowance(Arc::clone(&self.left), self.connection.clone())
    }
}

enum Typed {
    Later,
    Gone,
    As(u64),
}
