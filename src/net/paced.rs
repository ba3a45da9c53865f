//! Decoding that lets others have their turn.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::yield_now;

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
            give_turn(cx);
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

/// Has the task go on after the runtime has looked for what else there is. One of several workers goes on with a task that is woken at
/// once, many times before it looks at sockets and clock, and no other worker need look meanwhile.
fn give_turn(cx: &mut Context<'_>) {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        // Its first poll leaves the task to the worker.
        Ok(RuntimeFlavor::MultiThread) => _ = pin!(yield_now()).poll(cx),
        _ => cx.waker().wake_by_ref(),
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;

    use super::*;

    /// Input whose pieces take so long that each is a turn. With the tenth it writes to a socket.
    struct Slow {
        pieces: Arc<AtomicUsize>,
        socket: std::os::unix::net::UnixStream,
    }

    impl AsyncRead for Slow {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            unreachable!("it has a buffer")
        }
    }

    impl AsyncBufRead for Slow {
        fn poll_fill_buf(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
            if self.pieces.fetch_add(1, Ordering::SeqCst) == 10 {
                io::Write::write_all(&mut &self.socket, b"x")?;
            }
            Poll::Ready(Ok(b"x"))
        }

        fn consume(self: Pin<&mut Self>, _: usize) {
            std::thread::sleep(TURN);
        }
    }

    #[test]
    fn what_comes_to_others_meanwhile_is_seen_at_the_next_turn() {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let pieces = Arc::new(AtomicUsize::new(0));
        let seen = runtime.block_on(async {
            let (socket, other) = std::os::unix::net::UnixStream::pair().expect("a pair");
            other.set_nonblocking(true).expect("a socket");
            let mut other = UnixStream::from_std(other).expect("a socket");
            let counted = Arc::clone(&pieces);
            let reader = tokio::spawn(async move {
                other.read_u8().await.expect("a byte");
                counted.load(Ordering::SeqCst)
            });
            let mut paced = Paced::new(Box::new(Slow { pieces: Arc::clone(&pieces), socket }));
            let work = tokio::spawn(async move { paced.read_exact(&mut [0; 200]).await.map(drop) });
            let seen = reader.await.expect("a reader");
            work.await.expect("a worker").expect("200 bytes");
            seen
        });
        assert!((11..=13).contains(&seen), "after {seen} pieces");
    }
}
