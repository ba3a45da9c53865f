//! The connections of exchanges that go on beside each other. What is not read of one of them keeps no other from ending.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use http::Uri;

use super::client::HttpClient;
use super::facts::Facts;
use super::http1::origin;
use super::pool::Pool;
use crate::sys::lock;

/// How many exchanges share a connection. Its window has room for what they may leave unread.
pub const STREAMS: u32 = 64;

/// Clients of which each has one HTTP/2 connection for an origin. Where it is full, the next one has another; all but the first
/// one end with their last exchange.
pub struct Lanes {
    lanes: Mutex<Vec<Arc<Lane>>>,
    idle: usize,
}

/// One client, and what goes on in it.
pub struct Lane {
    pool: Pool,
    origins: Mutex<HashMap<String, Load>>,
}

/// An origin's exchanges in a lane.
#[derive(Default)]
struct Load {
    exchanges: u32,
    connection: Weak<Facts>,
}

/// The place of an exchange in a lane, until it is dropped.
pub struct LanePlace {
    lane: Arc<Lane>,
    origin: String,
}

impl Lanes {
    /// Lanes that keep so many idle connections each.
    pub fn new(idle: usize) -> Self {
        Self { lanes: Mutex::default(), idle }
    }

    /// A place for an exchange with this target.
    pub fn place(&self, target: &Uri) -> LanePlace {
        let origin = origin(target);
        let mut lanes = lock(&self.lanes);
        let mut first = true;
        // Whoever looks at a lane has the lock, so that nobody has more of it than the lanes and the places.
        lanes.retain(|lane| std::mem::take(&mut first) || Arc::strong_count(lane) > 1);
        if let Some(lane) = lanes.iter().find(|lane| lane.take(&origin)) {
            return LanePlace { lane: Arc::clone(lane), origin };
        }
        let lane = Arc::new(Lane { pool: Pool::new(self.idle), origins: Mutex::default() });
        lane.take(&origin);
        lanes.push(Arc::clone(&lane));
        LanePlace { lane, origin }
    }
}

impl Lane {
    /// Takes one more exchange with this origin, if there is room for it.
    fn take(&self, origin: &str) -> bool {
        let mut origins = lock(&self.origins);
        origins.retain(|_, load| load.exchanges > 0 || load.connection.strong_count() > 0);
        let load = origins.entry(origin.to_owned()).or_default();
        let open = load.connection.upgrade().filter(|connection| connection.is_open());
        // A server that takes none at all will say so itself.
        let most = open.and_then(|connection| connection.max_streams()).map_or(STREAMS, |most| most.clamp(1, STREAMS));
        let has_room = load.exchanges < most;
        load.exchanges += u32::from(has_room);
        has_room
    }
}

impl LanePlace {
    /// The client.
    pub fn client(&self, build: impl FnOnce() -> HttpClient) -> HttpClient {
        self.lane.pool.client(Instant::now(), build)
    }

    /// The connections of the client.
    pub fn pool(&self) -> &Pool {
        &self.lane.pool
    }

    /// Takes note of the connection that the exchange has.
    pub fn connected(&self, connection: &Arc<Facts>) {
        if connection.http2
            && let Some(load) = lock(&self.lane.origins).get_mut(&self.origin)
        {
            load.connection = Arc::downgrade(connection);
        }
    }
}

impl Drop for LanePlace {
    fn drop(&mut self) {
        if let Some(load) = lock(&self.lane.origins).get_mut(&self.origin) {
            load.exchanges -= 1;
        }
    }
}
