//! What is known of a connection: what the audit record names, and what decides whether it is used again.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::AlertDescription;
use tokio::sync::Notify;

use super::frames::Frames;

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
    /// Those of a connection that nobody has used.
    pub fn new(remote: Option<SocketAddr>, tls_version: Option<&'static str>, http_version: &'static str) -> Self {
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

    /// Notes the alert by which the other side ends it.
    pub fn end_by(&self, alert: AlertDescription) {
        let _ = self.alert.set(alert);
    }

    /// Notes what the frames that came say of it.
    pub fn note(&self, frames: &Frames) {
        let streams = frames.max_streams().map_or(0, |streams| streams.saturating_add(1));
        if self.max_streams.load(Ordering::Relaxed) != streams {
            self.max_streams.store(streams, Ordering::Release);
            self.settled.notify_waiters();
        }
        if frames.cut() {
            self.cut.store(true, Ordering::Release);
        }
        if frames.leaves_for_http1() {
            self.leaves_for_http1.store(true, Ordering::Release);
        }
        if frames.wants_http1() {
            self.wants_http1.store(true, Ordering::Release);
        }
    }

    /// Notes that so many bytes came.
    pub fn read(&self, bytes: usize) {
        if bytes > 0 {
            self.received.store(READS.fetch_add(1, Ordering::AcqRel) + 1, Ordering::Release);
            self.reading.store(true, Ordering::Release);
        }
    }

    /// Notes that bytes are written.
    pub fn written(&self) {
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
