//! Decoding that lets others have their turn.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

use super::coding::Source;

/// How much input a decoder gets at once. It works on it until it has output, and some input decodes to nothing at all.
const PIECE: usize = 1024;
/// How long decoding may keep the runtime, which all calls of the process share, and the deadline from its own call.
const TURN: Duration = Duration::from_millis(1);

/// Hands a decoder its input in pieces, and gives the runtime a turn where working on them has taken long.
pub struct Paced {
    inner: Source,
    /// When the last piece was given.
    given: Option<Instant>,
    worked: Duration,
}

impl Paced {
    /// Paces what reads from this.
    pub fn new(inner: Source) -> Self {
        Self { inner, given: None, worked: Duration::ZERO }
    }
}

impl AsyncBufRead for Paced {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        this.worked += this.given.take().map_or(Duration::ZERO, |given| given.elapsed());
        if this.worked >= TURN {
            this.worked = Duration::ZERO;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        this.given = Some(Instant::now());
        match Pin::new(&mut this.inner).poll_fill_buf(cx) {
            Poll::Ready(bytes) => Poll::Ready(bytes.map(|bytes| bytes.get(..PIECE).unwrap_or(bytes))),
            Poll::Pending => {
                this.given = None;
                Poll::Pending
            }
        }
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        Pin::new(&mut self.get_mut().inner).consume(amount);
    }
}

impl AsyncRead for Paced {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        read_buffered(self, cx, buf)
    }
}

/// `poll_read` of what has a buffer.
pub fn read_buffered<R: AsyncBufRead>(
    mut from: Pin<&mut R>,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let available = std::task::ready!(from.as_mut().poll_fill_buf(cx))?;
    let amount = available.len().min(buf.remaining());
    buf.put_slice(available.get(..amount).unwrap_or_default());
    from.consume(amount);
    Poll::Ready(Ok(()))
}
