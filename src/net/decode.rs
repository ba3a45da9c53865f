//! Reads a response's body: content codings are undone and every stage is capped.

use std::future::poll_fn;
use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http_body::Body;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, BufReader, ReadBuf};
use tokio::time::{Instant, timeout_at};

use super::classify;
use super::coding::{Coding, Source};
use super::facts::Facts;
use super::idle::IdleLimit;
use super::lookahead::Lookahead;
use super::paced::{Paced, read_buffered};
use crate::document::ByteLimit;
use crate::error::{Code, Error};
use crate::sys::{Buffer, lock};

const CHUNK: usize = 16 * 1024;

/// Reads the body to its end inside the deadline, and says whether a content coding was undone. `wire` counts what arrived, on
/// failure too; so does `idle`, and where the body is let go as well.
pub async fn read_body(
    head: &Parts,
    body: Lookahead,
    cap: ByteLimit,
    deadline: Instant,
    idle: Option<&Arc<IdleLimit>>,
    wire: &mut u64,
) -> Result<(Buffer, bool), Error> {
    let length = content_length(&head.headers)?;
    if length.is_some_and(|length| length > cap.bytes) {
        return Err(too_large(cap));
    }
    let codings = Coding::of(&head.headers);
    let connection = head.extensions.get::<Arc<Facts>>().cloned();
    let body = WireBody::new(body, connection, cap, idle.cloned());
    let source = Wire { body: Arc::new(Mutex::new(body)), chunk: Bytes::new() };
    let body = Arc::clone(&source.body);
    // An announced length is reserved at once, so that a body is not copied while it grows.
    let decoded = codings.as_ref().is_ok_and(|codings| !codings.is_empty());
    let room = if decoded { 0 } else { length.unwrap_or(0) };
    let mut bytes = Buffer::with_room(usize::try_from(room).unwrap_or(0));
    let read = timeout_at(deadline, read_decoded(Box::new(source), codings, cap.bytes, &mut bytes)).await;
    *wire = lock(&body).arrived;
    match read {
        Ok(Ok(())) => Ok((bytes, decoded)),
        Ok(Err(reading)) => Err(lock(&body).explain(reading, length)),
        Err(_) => Err(Error::new(Code::TotalTimeout, "the response's body did not end within timeout_ms")),
    }
}

/// Hands the body over as it comes, until its end. `idle` counts what arrives.
pub async fn pass_body(
    head: &Parts,
    body: Lookahead,
    cap: ByteLimit,
    taker: &mut impl Taker,
    idle: &Arc<IdleLimit>,
) -> Result<(), Error> {
    let length = content_length(&head.headers)?;
    if length.is_some_and(|length| length > cap.bytes) {
        return Err(too_large(cap));
    }
    let connection = head.extensions.get::<Arc<Facts>>().cloned();
    let body = WireBody::new(body, connection, cap, Some(Arc::clone(idle)));
    let source = Wire { body: Arc::new(Mutex::new(body)), chunk: Bytes::new() };
    let body = Arc::clone(&source.body);
    let read = read_decoded(Box::new(source), Coding::of(&head.headers), cap.bytes, taker).await;
    read.map_err(|reading| lock(&body).explain(reading, length))
}

/// Whether a content coding of this response is undone.
pub fn is_decoded(headers: &HeaderMap) -> bool {
    Coding::of(headers).is_ok_and(|codings| !codings.is_empty())
}

/// Who takes a decoded body.
pub trait Taker: Send {
    /// How many bytes it takes, at least one.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<usize>;

    /// Takes them.
    fn take(&mut self, bytes: &[u8]);
}

impl Taker for Buffer {
    fn poll_room(&mut self, _: &mut Context<'_>) -> Poll<usize> {
        Poll::Ready(usize::MAX)
    }

    fn take(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// The beginning of a body as its coding says, up to `cap`: as far as it has come, and can be undone.
pub async fn decode_beginning(headers: &HeaderMap, coded: Vec<u8>, cap: u64) -> Buffer {
    let mut bytes = Buffer::default();
    // It may be cut off, and then it fails at its end.
    let _ = read_decoded(Box::new(Cursor::new(coded)), Coding::of(headers), cap, &mut bytes).await;
    bytes
}

/// Reads what comes of a body by `until`, up to `cap`, and says how much that was. A body that has ended by then leaves its
/// connection fit for use.
pub async fn drain_body(mut body: Lookahead, cap: u64, until: Instant) -> u64 {
    let mut arrived = 0;
    let drained = async {
        while arrived <= cap {
            match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                Some(Ok(frame)) => arrived += frame.data_ref().map_or(0, |data| data.len() as u64),
                Some(Err(_)) | None => break,
            }
        }
    };
    // What has arrived counts, whether the body ended or not.
    let _ = timeout_at(until, drained).await;
    arrived
}

fn too_large(cap: ByteLimit) -> Error {
    Error::new(Code::ResponseTooLarge, cap.exceeded_by("the response's body"))
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>, Error> {
    let invalid = || Error::new(Code::ProtocolInvalid, "the server's content-length is not a number");
    let Some(value) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    value.to_str().ok().and_then(|text| text.trim().parse().ok()).map(Some).ok_or_else(invalid)
}

/// Why reading stopped; the wire's own error, if any, is in [`WireBody`].
enum Reading {
    TooLarge,
    Unknown(Error),
    Io(io::Error),
}

impl From<io::Error> for Reading {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

async fn read_decoded(
    mut source: Source,
    codings: Result<Vec<Coding>, Error>,
    cap: u64,
    taker: &mut impl Taker,
) -> Result<(), Reading> {
    // Servers label empty bodies as well. No coding has an empty form, so there is nothing to undo.
    if source.fill_buf().await?.is_empty() {
        return Ok(());
    }
    let codings = codings.map_err(Reading::Unknown)?;
    if !codings.is_empty() {
        source = Box::new(Paced::new(source));
    }
    for coding in codings.iter().rev() {
        let decoded = Capped { inner: coding.undo(source).await?, left: cap };
        source = Box::new(Paced::new(Box::new(BufReader::with_capacity(CHUNK, decoded))));
    }
    let mut left = cap;
    loop {
        let room = poll_fn(|cx| taker.poll_room(cx)).await;
        let chunk = source.fill_buf().await?;
        let chunk = chunk.get(..room).unwrap_or(chunk);
        let length = chunk.len();
        if length == 0 {
            return Ok(());
        }
        left = left.checked_sub(length as u64).ok_or(Reading::TooLarge)?;
        taker.take(chunk);
        source.consume(length);
    }
}

/// The body on the wire, shared between the decoders that read it and the one who asks why they stopped.
struct WireBody {
    body: Lookahead,
    connection: Option<Arc<Facts>>,
    cap: ByteLimit,
    arrived: u64,
    idle: Option<Arc<IdleLimit>>,
    failure: Option<Error>,
    over: bool,
}

impl WireBody {
    fn new(body: Lookahead, connection: Option<Arc<Facts>>, cap: ByteLimit, idle: Option<Arc<IdleLimit>>) -> Self {
        Self { body, connection, cap, arrived: 0, idle, failure: None, over: false }
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
                    if let Some(idle) = &self.idle {
                        idle.arrived(data.len());
                    }
                    if self.arrived > self.cap.bytes {
                        self.over = true;
                        return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
                    }
                    if !data.is_empty() {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Some(Err(error)) => {
                    self.failure = Some(error);
                    return Poll::Ready(Err(io::ErrorKind::Other.into()));
                }
            }
        }
    }

    /// hyper takes a reset or GOAWAY with NO_ERROR for the end. It may follow a whole response, so the frames decide.
    fn is_cut(&self) -> bool {
        !self.body.is_end_stream() && self.connection.as_ref().is_some_and(|connection| connection.cut())
    }

    fn explain(&mut self, reading: Reading, length: Option<u64>) -> Error {
        let garbage = || Error::new(Code::DecodingFailed, "the response's body is not what its content coding says");
        if let Some(mut failure) = self.failure.take() {
            // h2 reports a stream that ends short of its content-length as a violation, which it is; what the caller
            // must know is that the body is not whole.
            if length.is_some_and(|length| self.arrived < length) {
                failure = classify::closed();
            }
            return failure;
        }
        match reading {
            _ if self.over => too_large(self.cap),
            Reading::TooLarge => too_large(self.cap),
            Reading::Unknown(error) => error,
            Reading::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => too_large(self.cap),
            Reading::Io(_) => garbage(),
        }
    }
}

struct Wire {
    body: Arc<Mutex<WireBody>>,
    chunk: Bytes,
}

impl AsyncBufRead for Wire {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if this.chunk.is_empty()
            && let Some(chunk) = ready!(lock(&this.body).poll_chunk(cx))?
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
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        read_buffered(self, cx, buf)
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
