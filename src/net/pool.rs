//! The connections that are kept for later calls: how old they become and how many there are.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::client::HttpClient;
use super::facts::Facts;
use crate::sys::lock;

/// The guard judges at connect only, so no connection outlives this.
const AGE: Duration = Duration::from_secs(300);

/// A client that is replaced when it is too old or keeps too much. The stack below counts by origin, and with every origin a
/// few more would stay open.
pub struct Pool {
    current: Mutex<Option<Aged>>,
    known: Mutex<Vec<Weak<Facts>>>,
    limit: usize,
}

struct Aged {
    client: HttpClient,
    born: Instant,
}

impl Pool {
    /// One that keeps so many idle connections at most, whatever they lead to.
    pub fn new(limit: usize) -> Self {
        Self { current: Mutex::default(), known: Mutex::default(), limit }
    }

    /// The client of this moment. One that is too old finishes what it has and goes, with its idle connections.
    pub fn client(&self, now: Instant, build: impl FnOnce() -> HttpClient) -> HttpClient {
        let mut current = lock(&self.current);
        match &*current {
            Some(aged) if now.saturating_duration_since(aged.born) < AGE => aged.client.clone(),
            _ => {
                let client = build();
                *current = Some(Aged { client: client.clone(), born: now });
                client
            }
        }
    }

    /// Takes note of a connection that is used for the first time.
    pub fn note(&self, connection: &Arc<Facts>) {
        lock(&self.known).push(Arc::downgrade(connection));
    }

    /// Begins anew where there is no room for one more idle connection. Says whether it did.
    pub fn make_room(&self) -> bool {
        let mut known = lock(&self.known);
        known.retain(|connection| connection.upgrade().is_some_and(|connection| connection.is_open()));
        let idle = known.iter().filter_map(Weak::upgrade).filter(|connection| !connection.is_in_use()).count();
        let is_full = idle >= self.limit;
        if is_full {
            known.clear();
            *lock(&self.current) = None;
        }
        is_full
    }
}
