//! A dialled connection: TCP, or TLS over it, with the facts that the audit record names.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use rustls::{AlertDescription, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio_rustls::client::TlsStream;

use super::classify;
use super::frames::Frames;
use super::http1::Http1Origins;
use super::socket::Socket;

/// What has come on all connections, counted, so that it is known of each whether something came on it since.
static READS: AtomicU64 = AtomicU64::new(0);

/// What has come so far.
pub fn reads() -> u64 {
    READS.load(Ordering::Acquire)
}

/// What is known of a connection for as long as it lives.
#[derive(Debug)]
pub struct Facts {
    /// The address that the socket is connected to; the proxy's, where there is one.
    pub remote: Option<SocketAddr>,
    /// `1.2` or `1.3`; none for plain HTTP.
    pub tls_version: Option<&'static str>,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
    /// What is spoken: `1.1`, `2` or `3`.
    pub http_version: &'static str,
    used: AtomicBool,
    ended: AtomicBool,
    users: AtomicUsize,
    /// What came last on it, as it is counted; 0 where nothing came.
    received: AtomicU64,
    /// The same as of when the current request began to be written.
    before: AtomicU64,
    /// Whether bytes were received after the last ones were written.
    reading: AtomicBool,
    cut: AtomicBool,
    wants_http1: AtomicBool,
    leaves_for_http1: AtomicBool,
    /// How many streams the server takes at a time, plus one; 0 where it has not said so.
    max_streams: AtomicU32,
    settled: Notify,
    /// The alert of TLS that ended it.
    alert: OnceLock<AlertDescription>,
}

impl Facts {
    fn new(remote: Option<SocketAddr>, tls_version: Option<&'static str>, http_version: &'static str) -> Self {
        Self {
            remote,
            tls_version,
            http2: http_version == "2",
            http_version,
            used: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            users: AtomicUsize::new(0),
            received: AtomicU64::new(0),
            before: AtomicU64::new(0),
            reading: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            wants_http1: AtomicBool::new(false),
            leaves_for_http1: AtomicBool::new(false),
            max_streams: AtomicU32::new(0),
            settled: Notify::new(),
            alert: OnceLock::new(),
        }
    }

    /// Those of a connection of QUIC, whose TLS is 1.3 always.
    #[cfg(feature = "http3")]
    pub fn of_quic(remote: SocketAddr) -> Self {
        Self::new(Some(remote), Some("1.3"), "3")
    }

    /// Notes that it has ended.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.settled.notify_waiters();
    }

    /// The alert of TLS by which the other side has ended it.
    pub fn alert(&self) -> Option<AlertDescription> {
        self.alert.get().copied()
    }

    /// Whether an earlier request had used this connection.
    pub fn use_once(&self) -> bool {
        self.used.swap(true, Ordering::AcqRel)
    }

    /// Whether nothing came after the current request, on HTTP/1.1. The connection itself has to tell: a caller that waits
    /// for the response may learn of the connection only after another thread has read from it.
    pub fn without_response(&self) -> bool {
        self.received.load(Ordering::Acquire) == self.before.load(Ordering::Acquire)
    }

    /// Whether nothing came on it since so much had come on all of them.
    pub fn silent_since(&self, reads: u64) -> bool {
        self.received.load(Ordering::Acquire) <= reads
    }

    /// Whether it has not ended.
    pub fn is_open(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
    }

    /// Whether an exchange goes on.
    pub fn is_in_use(&self) -> bool {
        self.users.load(Ordering::Acquire) > 0
    }

    /// How many exchanges go on.
    #[cfg(feature = "http3")]
    pub fn users(&self) -> usize {
        self.users.load(Ordering::Acquire)
    }

    /// Whether the server has asked for HTTP/1.1 on an HTTP/2 connection.
    pub fn wants_http1(&self) -> bool {
        self.wants_http1.load(Ordering::Acquire)
    }

    /// Whether the server leaves an HTTP/2 connection because it wants HTTP/1.1.
    pub fn leaves_for_http1(&self) -> bool {
        self.leaves_for_http1.load(Ordering::Acquire)
    }

    /// How many streams the server of an HTTP/2 connection takes at a time, once its settings have come.
    pub fn max_streams(&self) -> Option<u32> {
        self.max_streams.load(Ordering::Acquire).checked_sub(1)
    }

    /// Waits until they have, or the connection has ended.
    pub async fn settled(&self) {
        while self.http2 && self.is_open() && self.max_streams().is_none() {
            let settled = self.settled.notified();
            if self.is_open() && self.max_streams().is_none() {
                settled.await;
            }
        }
    }

    /// Whether an HTTP/2 stream was reset in the middle of its response.
    pub fn cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }

    fn read(&self, bytes: usize) {
        if bytes > 0 {
            self.received.store(READS.fetch_add(1, Ordering::AcqRel) + 1, Ordering::Release);
            self.reading.store(true, Ordering::Release);
        }
    }

    fn written(&self) {
        if self.reading.swap(false, Ordering::AcqRel) {
            self.before.store(self.received.load(Ordering::Acquire), Ordering::Release);
        }
    }
}

/// A connection for as long as an exchange uses it.
#[derive(Debug)]
pub struct InUse(Arc<Facts>);

impl InUse {
    /// Until this value is dropped.
    pub fn new(facts: Arc<Facts>) -> Self {
        facts.users.fetch_add(1, Ordering::AcqRel);
        Self(facts)
    }

    /// Its facts, which may outlive it.
    pub fn facts(&self) -> &Arc<Facts> {
        &self.0
    }
}

impl Deref for InUse {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.0
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.users.fetch_sub(1, Ordering::AcqRel);
    }
}

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
            let _ = self.facts.alert.set(alert);
        }
        let arrived = buf.filled().get(before..).unwrap_or_default();
        self.facts.read(arrived.len());
        let this = &mut *self;
        if let Some(frames) = &mut this.frames {
            let acceptable = frames.arrived(arrived);
            let cut = frames.cut();
            let streams = frames.max_streams().map_or(0, |streams| streams.saturating_add(1));
            if this.facts.max_streams.load(Ordering::Relaxed) != streams {
                this.facts.max_streams.store(streams, Ordering::Release);
                this.facts.settled.notify_waiters();
            }
            if !acceptable {
                return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
            }
            if cut {
                this.facts.cut.store(true, Ordering::Release);
            }
            if frames.leaves_for_http1() {
                this.facts.leaves_for_http1.store(true, Ordering::Release);
            }
            if frames.wants_http1() {
                this.facts.wants_http1.store(true, Ordering::Release);
                if let Some((origins, origin)) = this.http1.take() {
                    origins.insert(&origin);
                }
            }
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
