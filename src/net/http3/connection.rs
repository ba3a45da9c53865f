//! A connection of HTTP/3, how long it may be used, and what becomes of its streams.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use h3::client::SendRequest;
use h3::proto::frame::Frame;
use h3::quic::Connection as _;

use quinn::VarInt;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::endpoint::is_driven;
use super::quic::{Connection as Quic, Opened, Opener};
use super::streams::refuse;
use crate::net::body::Leaving;
use crate::net::facts::Facts;
use crate::net::lanes::STREAMS;
use crate::net::tasks;
use crate::net::watch::Retire;
use crate::sys::lock;

/// The guard judges at connect only, so no connection outlives this.
const AGE: Duration = Duration::from_secs(300);
/// How long after its last use a connection is used again that nobody has driven meanwhile: the other side may have given it up
/// without a word. Servers commonly wait 5 s and more.
const QUIET: Duration = Duration::from_secs(2);
/// The same for a request that may not be processed twice.
const QUIET_UNSAFE: Duration = Duration::from_secs(1);
/// The same where a runtime keeps it alive.
const QUIET_DRIVEN: Duration = Duration::from_secs(55);

/// How long after that, or after whoever still uses it, is looked again.
const LOOK: Duration = Duration::from_secs(1);

const NO_ERROR: u32 = 0x100;
const FRAME_UNEXPECTED: u32 = 0x105;
const ID_ERROR: u32 = 0x108;
/// No GOAWAY has come.
const OPEN: u64 = u64::MAX;

/// A connection.
pub struct Connection {
    /// What is known of it.
    pub facts: Arc<Facts>,
    quic: quinn::Connection,
    requests: SendRequest<Opener, Leaving>,
    opener: Opener,
    state: Arc<Departure>,
    born: Instant,
    used: Mutex<Instant>,
}

#[derive(Debug)]
struct Departure {
    is_noted: Notify,
    /// The first stream that the server has not processed.
    goes_away_at: AtomicU64,
    is_retired: AtomicBool,
}

impl Connection {
    /// Begins HTTP/3 on a connection whose handshake is complete. Heads may have so many bytes.
    pub async fn begin(quic: quinn::Connection, head: u64) -> Option<Arc<Self>> {
        let mut builder = h3::client::builder();
        builder.max_field_section_size(head).send_grease(false);
        let connection = Quic::new(quic.clone());
        let opener = connection.opener();
        let (mut driven, requests) = builder.build::<_, _, Leaving>(connection).await.ok()?;
        let facts = Arc::new(Facts::of_quic(quic.remote_address()));
        let state = Arc::new(Departure {
            is_noted: Notify::new(),
            goes_away_at: AtomicU64::new(OPEN),
            is_retired: AtomicBool::new(false),
        });
        let (told, ended, of_driver) = (Arc::clone(&state), Arc::clone(&facts), quic.clone());
        drop(tasks::spawn(async move {
            let refuse = |code| drop(refuse(&of_driver, code));
            poll_fn(|cx| {
                loop {
                    match driven.inner.poll_control(cx) {
                        Poll::Ready(Ok(Frame::Settings(_))) => {}
                        Poll::Ready(Ok(Frame::Goaway(id))) if id.into_inner() % 4 == 0 => {
                            if told.goes_away_at.fetch_min(id.into_inner(), Ordering::AcqRel) < id.into_inner() {
                                refuse(ID_ERROR);
                            }
                            told.is_noted.notify_waiters();
                        }
                        Poll::Ready(Ok(Frame::Goaway(_))) => refuse(ID_ERROR),
                        Poll::Ready(Ok(_)) => refuse(FRAME_UNEXPECTED),
                        Poll::Ready(Err(_)) => return Poll::Ready(()),
                        Poll::Pending => return Poll::Pending,
                    }
                }
            })
            .await;
            ended.end();
        }));
        let now = Instant::now();
        let made = Arc::new(Self { facts, quic, requests, opener, state, born: now, used: Mutex::new(now) });
        if is_driven() {
            drop(tasks::spawn(Self::ended_when_spent(Arc::downgrade(&made))));
        }
        Some(made)
    }

    /// Ends one that is kept alive and that no request may use any more, which would stay until another call comes.
    async fn ended_when_spent(kept: Weak<Self>) {
        let mut rest = QUIET_DRIVEN;
        loop {
            sleep(rest).await;
            let Some(connection) = kept.upgrade() else { return };
            let now = Instant::now();
            if !connection.is_spent(now) {
                let quiet = now.saturating_duration_since(*lock(&connection.used));
                rest = QUIET_DRIVEN.saturating_sub(quiet).max(LOOK);
                continue;
            }
            // Whoever has found it usable just before uses it by now.
            sleep(LOOK).await;
            if connection.is_spent(Instant::now()) {
                return connection.quic.close(VarInt::from_u32(NO_ERROR), b"");
            }
        }
    }

    /// Whether nobody uses it, and no request may.
    pub fn is_spent(&self, now: Instant) -> bool {
        !self.is_kept(now) && !self.facts.is_in_use()
    }

    /// What sends a request on it.
    pub fn requests(&self) -> SendRequest<Opener, Leaving> {
        self.requests.clone()
    }

    /// A stream for another request, where neither side has as many as it takes at a time.
    pub fn open(&self) -> Option<Opened> {
        if self.facts.users() >= STREAMS as usize {
            return None;
        }
        self.opener.open_at_once()
    }

    /// Whether a request may go out on it now. `is_safe` is one that may be processed twice.
    pub fn is_usable(&self, now: Instant, is_safe: bool) -> bool {
        let quiet = match is_driven() {
            true => QUIET_DRIVEN,
            false if is_safe => QUIET,
            false => QUIET_UNSAFE,
        };
        self.is_kept(now) && now.saturating_duration_since(*lock(&self.used)) < quiet
    }

    /// Whether it may be usable for any request.
    pub fn is_kept(&self, now: Instant) -> bool {
        !self.state.is_retired.load(Ordering::Acquire)
            && self.state.goes_away_at.load(Ordering::Acquire) == OPEN
            && self.quic.close_reason().is_none()
            && now.saturating_duration_since(self.born) < AGE
            && (self.facts.is_in_use() || now.saturating_duration_since(*lock(&self.used)) < QUIET_DRIVEN)
    }

    /// Notes that the other side was there at this time.
    pub fn was_alive(&self, at: Instant) {
        let mut used = lock(&self.used);
        *used = at.max(*used);
    }

    /// Whether the server says that it has not processed a stream.
    pub fn has_left_out(&self, stream: u64) -> bool {
        self.state.goes_away_at.load(Ordering::Acquire) <= stream
    }

    /// Waits until the server says that it has not processed a stream.
    pub async fn leaves_out(&self, stream: u64) {
        loop {
            let mut noted = pin!(self.state.is_noted.notified());
            noted.as_mut().enable();
            if self.has_left_out(stream) {
                return;
            }
            noted.await;
        }
    }

    /// Why it has ended.
    pub fn end(&self) -> Option<quinn::ConnectionError> {
        self.quic.close_reason()
    }

    /// How many datagrams have come on it.
    pub fn datagrams(&self) -> u64 {
        self.quic.stats().udp_rx.datagrams
    }
}

impl Retire for Connection {
    fn retire(&self) {
        self.state.is_retired.store(true, Ordering::Release);
    }
}
