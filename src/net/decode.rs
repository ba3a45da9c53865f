//! Reads an answer's body: content codings are undone and every stage is capped.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::{Buf, Bytes};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::response::Parts;
use http_body::Body;
use hyper::body::Incoming;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader, ReadBuf};
use tokio::time::{Instant, timeout_at};

use super::connection::Facts;
use super::{classify, lock};
use crate::error::{Code, Error};

/// RFC 8878 lets a decoder refuse windows above 8 MB.
const ZSTD_WINDOW_LOG: u32 = 23;
const STACKED_CODINGS: usize = 2;
const CHUNK: usize = 16 * 1024;

/// A body as read, and its size on the wire.
pub struct ReadBody {
    /// The decoded bytes.
    pub bytes: Vec<u8>,
    /// Whether a content coding was undone.
    pub decoded: bool,
}

/// Reads the body to its end inside the deadline. `wire` counts what arrived, on failure too.
pub async fn read_body(
    head: &Parts,
    body: Incoming,
    cap: u64,
    deadline: Instant,
    wire: &mut u64,
) -> Result<ReadBody, Error> {
    let length = content_length(&head.headers)?;
    if length.is_some_and(|length| length > cap) {
        return Err(too_large());
    }
    let codings = codings(&head.headers)?;
    let connection = head.extensions.get::<Arc<Facts>>().cloned();
    let source = Wire { shared: Arc::new(Mutex::new(Shared::new(body, connection))), chunk: Bytes::new() };
    let shared = Arc::clone(&source.shared);
    // What a length announces is allocated at once, within reason, so that a body is not copied while it grows.
    let room = if codings.is_empty() { length.unwrap_or(0).min(1 << 20) } else { 0 };
    let read = timeout_at(deadline, read_decoded(source, &codings, cap, room)).await;
    *wire = lock(&shared).arrived;
    match read {
        Ok(Ok(bytes)) => Ok(ReadBody { bytes, decoded: !codings.is_empty() }),
        Ok(Err(reading)) => Err(lock(&shared).explain(reading, length)),
        Err(_) => Err(Error::new(Code::TotalTimeout, "the answer's body did not end within timeout_ms")),
    }
}

/// Takes in what comes of a body until then, up to `cap`, and says how much that was. A body that has ended by then leaves
/// its connection fit for use.
pub async fn drain_body(mut body: Incoming, cap: u64, until: Instant) -> u64 {
    let mut arrived = 0;
    let drained = async {
        while arrived <= cap {
            match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                Some(Ok(frame)) => arrived += frame.data_ref().map_or(0, |data| data.len() as u64),
                Some(Err(_)) | None => break,
            }
        }
    };
    // Whether it ended or not, what has come has come.
    let _ = timeout_at(until, drained).await;
    arrived
}

fn too_large() -> Error {
    Error::new(Code::ResponseTooLarge, "the answer's body is larger than response_bytes")
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    let invalid = || Error::new(Code::ProtocolInvalid, "the server's content-length is not a number");
    let Some(value) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    value.to_str().ok().and_then(|text| text.trim().parse().ok()).map(Some).ok_or_else(invalid)
}

#[derive(Clone, Copy)]
enum Coding {
    Gzip,
    Brotli,
    Zstd,
}

/// The codings in the order in which the server applied them.
fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, Error> {
    let unknown = || Error::new(Code::DecodingFailed, "the answer's content coding is none of gzip, br and zstd");
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        for name in value.to_str().map_err(|_| unknown())?.split(',') {
            match name.trim().to_ascii_lowercase().as_str() {
                "" | "identity" => {}
                "gzip" | "x-gzip" => codings.push(Coding::Gzip),
                "br" => codings.push(Coding::Brotli),
                "zstd" => codings.push(Coding::Zstd),
                _ => return Err(unknown()),
            }
        }
    }
    if codings.len() > STACKED_CODINGS {
        return Err(Error::new(Code::DecodingFailed, "the answer has more than two content codings"));
    }
    Ok(codings)
}

type Source = Box<dyn AsyncBufRead + Send + Unpin>;

fn undo(coding: Coding, source: Source) -> Box<dyn AsyncRead + Send + Unpin> {
    match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(source);
            decoder.multiple_members(true);
            Box::new(decoder)
        }
        Coding::Brotli => Box::new(Whole(BrotliDecoder::new(source))),
        Coding::Zstd => {
            let mut decoder = ZstdDecoder::with_params(source, &[DParameter::window_log_max(ZSTD_WINDOW_LOG)]);
            decoder.multiple_members(true);
            Box::new(decoder)
        }
    }
}

/// Why reading stopped; the wire's own error, if any, is in [`Shared`].
enum Reading {
    TooLarge,
    Io(io::Error),
}

async fn read_decoded(wire: Wire, codings: &[Coding], cap: u64, room: u64) -> Result<Vec<u8>, Reading> {
    lock(&wire.shared).cap = cap;
    let mut source: Source = Box::new(wire);
    // Servers label empty answers as well. No coding makes nothing of nothing, so there is nothing to undo.
    if source.fill_buf().await.map_err(Reading::Io)?.is_empty() {
        return Ok(Vec::new());
    }
    for coding in codings.iter().rev() {
        let decoded = Capped { inner: undo(*coding, source), left: cap };
        source = Box::new(BufReader::with_capacity(CHUNK, decoded));
    }
    // One byte more, in which the end is found without growing.
    let mut bytes = Vec::with_capacity(room as usize + 1);
    loop {
        if bytes.len() == bytes.capacity() {
            bytes.reserve(CHUNK);
        }
        match source.read_buf(&mut bytes).await {
            Ok(0) => break,
            Ok(_) if bytes.len() as u64 > cap => return Err(Reading::TooLarge),
            Ok(_) => {}
            Err(error) => return Err(Reading::Io(error)),
        }
    }
    Ok(bytes)
}

/// The body on the wire, shared between the decoders that read it and the one who asks why they stopped.
struct Shared {
    body: Incoming,
    connection: Option<Arc<Facts>>,
    cap: u64,
    arrived: u64,
    failure: Option<Error>,
    over: bool,
}

impl Shared {
    fn new(body: Incoming, connection: Option<Arc<Facts>>) -> Self {
        Self { body, connection, cap: 0, arrived: 0, failure: None, over: false }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None if self.is_cut() => {
                    self.failure = Some(classify::closed());
                    return Poll::Ready(Err(io::ErrorKind::Other.into()));
                }
                None => return Poll::Ready(Ok(None)),
                Some(Ok(frame)) => {
                    // Trailers are read past: nothing of them reaches the caller.
                    let Ok(data) = frame.into_data() else { continue };
                    self.arrived += data.len() as u64;
                    if self.arrived > self.cap {
                        self.over = true;
                        return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
                    }
                    if !data.is_empty() {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Some(Err(error)) => {
                    self.failure = Some(classify::transfer_error(&error));
                    return Poll::Ready(Err(io::ErrorKind::Other.into()));
                }
            }
        }
    }

    /// hyper takes a reset with NO_ERROR for the end. It may follow a whole answer, so the frames decide.
    fn is_cut(&self) -> bool {
        !self.body.is_end_stream() && self.connection.as_ref().is_some_and(|connection| connection.cut())
    }

    fn explain(&mut self, reading: Reading, length: Option<u64>) -> Error {
        let garbage = || Error::new(Code::DecodingFailed, "the answer's body is not what its content coding says");
        if let Some(mut failure) = self.failure.take() {
            // h2 reports a stream that ends short of its content-length as a violation, which it is; what the caller
            // must know is that the body is not whole.
            if length.is_some_and(|length| self.arrived < length) {
                failure = classify::closed();
            }
            return failure;
        }
        match reading {
            _ if self.over => too_large(),
            Reading::TooLarge => too_large(),
            Reading::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => too_large(),
            Reading::Io(_) => garbage(),
        }
    }
}

struct Wire {
    shared: Arc<Mutex<Shared>>,
    chunk: Bytes,
}

impl AsyncBufRead for Wire {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.chunk.is_empty()
            && let Some(chunk) = ready!(lock(&this.shared).poll_chunk(cx))?
        {
            this.chunk = chunk;
        }
        Poll::Ready(Ok(&this.chunk))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.chunk.advance(amount);
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let available = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = available.len().min(buf.remaining());
        buf.put_slice(available.get(..amount).unwrap_or_default());
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

/// Sees to it that nothing follows a brotli stream, and that what it came out of ends well too. The other decoders look for
/// another member there themselves.
struct Whole(BrotliDecoder<Source>);

impl AsyncRead for Whole {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.0).poll_read(cx, buf))?;
        if buf.filled().len() == before && !ready!(Pin::new(self.0.get_mut()).poll_fill_buf(cx))?.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        Poll::Ready(Ok(()))
    }
}

/// Ends a stage that gives more than the cap.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: AsyncRead + Unpin> AsyncRead for Capped<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let read = buf.filled().len().saturating_sub(before) as u64;
        match self.left.checked_sub(read) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Ok(()))
            }
            None => Poll::Ready(Err(io::ErrorKind::FileTooLarge.into())),
        }
    }
}
