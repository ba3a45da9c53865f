//! A dialled connection: TCP, or TLS over it.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::classify;
use super::facts::Facts;
use super::frames::Frames;
use super::http1::Http1Origins;
use super::socket::Socket;

/// The stream that hyper reads and writes.
pub struct Stream {
    io: Io,
    facts: Arc<Facts>,
    /// On HTTP/2.
    frames: Option<Frames>,
    /// Where to note that the server asks for HTTP/1.1, and of which origin.
    http1: Option<(Arc<Http1Origins>, String)>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.facts.end();
    }
}

enum Io {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Stream {
    /// A plain connection. Nothing agrees on HTTP/2 there, so it is spoken only where nothing else may be.
    pub fn plain(tcp: Socket, http2: bool) -> Self {
        let remote = tcp.remote();
        Self::new(Io::Plain(tcp), remote, None, http2)
    }

    /// A TLS connection whose handshake is complete and verified.
    pub fn tls(stream: TlsStream<Socket>) -> Self {
        let (tcp, session) = stream.get_ref();
        let version = match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => Some("1.3"),
            Some(ProtocolVersion::TLSv1_2) => Some("1.2"),
            _ => None,
        };
        let http2 = session.alpn_protocol() == Some(b"h2");
        let remote = tcp.remote();
        Self::new(Io::Tls(Box::new(stream)), remote, version, http2)
    }

    fn new(io: Io, remote: Option<SocketAddr>, tls_version: Option<&'static str>, http2: bool) -> Self {
        let facts = Facts::new(remote, tls_version, if http2 { "2" } else { "1.1" });
        Self { io, facts: Arc::new(facts), frames: http2.then(Frames::default), http1: None }
    }

    /// The same stream, which notes this origin there when the server asks for HTTP/1.1.
    pub fn telling(mut self, origins: Arc<Http1Origins>, origin: String) -> Self {
        self.http1 = self.http2().then_some((origins, origin));
        self
    }

    /// Whether HTTP/2 is spoken.
    pub fn http2(&self) -> bool {
        self.facts.http2
    }

    /// Tells of the part of these bytes that the socket took.
    fn wrote(&mut self, polled: &Poll<io::Result<usize>>, bufs: &[IoSlice<'_>]) {
        let (&Poll::Ready(Ok(mut taken)), Some(frames)) = (polled, self.frames.as_mut()) else { return };
        for buf in bufs {
            let now = buf.get(..taken).unwrap_or(buf);
            frames.left(now);
            taken -= now.len();
        }
    }

    fn io(&mut self) -> Pin<&mut dyn Duplex> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp),
            Io::Tls(tls) => Pin::new(tls.as_mut()),
        }
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(Arc::clone(&self.facts));
        if self.facts.http2 { connected.negotiated_h2() } else { connected }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = self.io().poll_read(cx, buf);
        // The HTTP stack does not hand it on to every stream.
        if let Poll::Ready(Err(error)) = &polled
            && let Some(alert) = classify::alert(error)
        {
            self.facts.end_by(alert);
        }
        let arrived = buf.filled().get(before..).unwrap_or_default();
        self.facts.read(arrived.len());
        let this = &mut *self;
        let Some(frames) = &mut this.frames else { return polled };
        if !frames.arrived(arrived) {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        this.facts.note(frames);
        if frames.wants_http1()
            && let Some((origins, origin)) = this.http1.take()
        {
            origins.insert(&origin);
        }
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.facts.written();
        let polled = self.io().poll_write(cx, buf);
        self.wrote(&polled, &[IoSlice::new(buf)]);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(tcp) => tcp.is_write_vectored(),
            Io::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.facts.written();
        let polled = self.io().poll_write_vectored(cx, bufs);
        self.wrote(&polled, bufs);
        polled
    }
}
