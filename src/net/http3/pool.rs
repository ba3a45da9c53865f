//! The connections that are kept, and the origins to which QUIC does not get through.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::endpoint::Endpoints;
use super::quic::Opened;
use crate::error::Error;
use crate::net::identity::Identity;
use crate::net::options::NetworkOptions;
use crate::net::tls;
use crate::sys::lock;

/// Connections that are kept, whatever they lead to.
const KEPT: usize = 64;
/// Origins whose failures are remembered; the first to be forgotten is the one that has been known longest.
const ORIGINS: usize = 256;
/// How long QUIC is not tried after its first failure, and at most.
const BROKEN: Duration = Duration::from_secs(300);
const BROKEN_AT_MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// The connections of HTTP/3 of one network.
pub struct QuicConnections {
    pub(super) endpoints: Endpoints,
    /// The last one made comes last.
    kept: Mutex<VecDeque<(String, Arc<Connection>)>>,
    broken: Mutex<VecDeque<Broken>>,
    /// How many bytes a head may have, as HTTP/3 counts them.
    pub(super) head: u64,
}

/// An origin to which QUIC did not get through.
struct Broken {
    origin: String,
    until: Instant,
    times: u32,
}

impl QuicConnections {
    /// No connections yet.
    pub fn new(options: &NetworkOptions, identity: Option<&Arc<Identity>>) -> Result<Self, Error> {
        let tls = tls::client_config(&options.roots, vec![b"h3".to_vec()], options.post_quantum, identity)?;
        // As for HTTP/2: the stack counts more than `head::check`, which is exact.
        let head = u64::from(options.header_bytes.max(8192)) + 8192;
        Ok(Self { endpoints: Endpoints::new(tls)?, kept: Mutex::default(), broken: Mutex::default(), head })
    }

    /// A connection to this origin on which the request may go out now, and a stream of it.
    pub(super) fn kept(&self, origin: &str, now: Instant, is_safe: bool) -> Option<(Arc<Connection>, Opened)> {
        let mut kept = lock(&self.kept);
        kept.retain(|(_, connection)| connection.is_kept(now));
        let usable = |(of, connection): &&(String, Arc<Connection>)| of == origin && connection.is_usable(now, is_safe);
        kept.iter().rev().filter(usable).find_map(|(_, connection)| Some((Arc::clone(connection), connection.open()?)))
    }

    pub(super) fn keep(&self, origin: &str, connection: &Arc<Connection>) {
        let mut kept = lock(&self.kept);
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((origin.to_owned(), Arc::clone(connection)));
    }

    /// Whether QUIC did not get through to an origin a while ago.
    pub(super) fn is_broken(&self, origin: &str, now: Instant) -> bool {
        lock(&self.broken).iter().any(|broken| broken.origin == origin && now < broken.until)
    }

    /// Notes that it does not: for longer each time, until an answer comes.
    pub(super) fn broke(&self, origin: &str, now: Instant) {
        let mut broken = lock(&self.broken);
        let known = broken.iter().position(|broken| broken.origin == origin).and_then(|place| broken.remove(place));
        let times = known.as_ref().map_or(0, |known| known.times);
        if known.is_some_and(|known| now < known.until) {
            // Whoever began before the mark was set says nothing new.
            broken.push_back(Broken { origin: origin.to_owned(), until: now + pause(times - 1), times });
            return;
        }
        if broken.len() >= ORIGINS {
            broken.pop_front();
        }
        broken.push_back(Broken { origin: origin.to_owned(), until: now + pause(times), times: times + 1 });
    }

    /// Notes that an answer came.
    pub(super) fn works(&self, origin: &str) {
        lock(&self.broken).retain(|broken| broken.origin != origin);
    }
}

fn pause(times: u32) -> Duration {
    BROKEN.saturating_mul(1 << times.min(10)).min(BROKEN_AT_MOST)
}
