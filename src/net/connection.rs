//! A dialled connection: TCP, or TLS over it, with the facts that the audit record names.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::socket::Socket;

/// What is known of a connection for as long as it lives.
#[derive(Debug)]
pub struct Facts {
    /// The address that the socket is connected to; the proxy's, where there is one.
    pub remote: Option<SocketAddr>,
    /// `1.2` or `1.3`; none for plain HTTP.
    pub tls_version: Option<&'static str>,
    /// Whether HTTP/2 was agreed by ALPN.
    pub http2: bool,
    used: AtomicBool,
    received: AtomicU64,
}

impl Facts {
    /// Whether an earlier request had used this connection.
    pub fn use_once(&self) -> bool {
        self.used.swap(true, Ordering::AcqRel)
    }

    /// Bytes received so far, after TLS.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }
}

/// The stream that hyper reads and writes.
pub struct Stream {
    io: Io,
    facts: Arc<Facts>,
}

enum Io {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Stream {
    /// A plain connection.
    pub fn plain(tcp: Socket) -> Self {
        let remote = tcp.remote();
        Self { io: Io::Plain(tcp), facts: facts(remote, None, false) }
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
        let facts = facts(tcp.remote(), version, http2);
        Self { io: Io::Tls(Box::new(stream)), facts }
    }

    fn io(&mut self) -> Pin<&mut dyn Duplex> {
        match &mut self.io {
            Io::Plain(tcp) => Pin::new(tcp),
            Io::Tls(tls) => Pin::new(tls.as_mut()),
        }
    }
}

fn facts(remote: Option<SocketAddr>, tls_version: Option<&'static str>, http2: bool) -> Arc<Facts> {
    Arc::new(Facts { remote, tls_version, http2, used: AtomicBool::new(false), received: AtomicU64::new(0) })
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
        let read = buf.filled().len().saturating_sub(before);
        self.facts.received.fetch_add(read as u64, Ordering::AcqRel);
        polled
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io().poll_write(cx, buf)
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
        self.io().poll_write_vectored(cx, bufs)
    }
}
