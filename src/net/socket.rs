//! A TCP socket that learns of its end before it is written to, and that can still be read when it cannot be written.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nix::errno::Errno;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::coop;

/// What lies below TLS, and below HTTP where there is none.
pub struct Socket {
    tcp: TcpStream,
    /// The other side takes nothing any more.
    deaf: bool,
}

impl Socket {
    /// A socket of a connection that has been made.
    pub fn new(tcp: TcpStream) -> Self {
        Self { tcp, deaf: false }
    }

    /// The other end's address.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.tcp.peer_addr().ok()
    }

    /// Writes what the system takes. A write to a connection that the other side has ended is an error and no SIGPIPE, which would
    /// end a host that does not ignore it: the standard library's vectored writes have no MSG_NOSIGNAL.
    fn poll_send(&self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.tcp.poll_write_ready(cx))?;
            let sent = self.tcp.try_io(Interest::WRITABLE, || {
                SockRef::from(&self.tcp).send_vectored_with_flags(bufs, libc::MSG_NOSIGNAL)
            });
            match sent {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    /// The other side may have said why it takes nothing any more: a GOAWAY that makes the request one to send again, or an
    /// early response. The HTTP stack ends a connection at the first write that fails and would never read that, so what
    /// cannot be written counts as written. The end comes from the reading side, right behind what is left to be read.
    fn taken(&mut self, written: Poll<io::Result<usize>>, length: usize) -> Poll<io::Result<usize>> {
        use io::ErrorKind::{BrokenPipe, ConnectionReset};
        match written {
            Poll::Ready(Err(error)) if [BrokenPipe, ConnectionReset].contains(&error.kind()) => {
                self.deaf = true;
                Poll::Ready(Ok(length))
            }
            written => written,
        }
    }
}

impl AsyncRead for Socket {
    /// The HTTP stack reads before it writes a request, and hands the request back where the other side has closed. The
    /// runtime tells that by what it last heard of the socket, so where it has nothing the socket itself is asked: an end
    /// that arrived a moment ago counts.
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.tcp).poll_read(cx, buf);
        if polled.is_ready() || buf.remaining() == 0 {
            return polled;
        }
        // These reads count as the runtime's do, or a server that never stops sending would stop everything else.
        let turn = ready!(coop::poll_proceed(cx));
        match nix::unistd::read(&self.tcp, buf.initialize_unfilled()) {
            Ok(read) => {
                turn.made_progress();
                buf.advance(read);
                Poll::Ready(Ok(()))
            }
            // The runtime wakes this task when there is something.
            Err(Errno::EAGAIN | Errno::EINTR) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = self.poll_send(cx, &[IoSlice::new(buf)]);
        self.taken(written, buf.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = bufs.iter().map(|buf| buf.len()).sum();
        if self.deaf {
            return Poll::Ready(Ok(length));
        }
        let written = self.poll_send(cx, bufs);
        self.taken(written, length)
    }
}
