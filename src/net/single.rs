//! One request on a connection of its own, which is gone when the answer is there.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::client::{Network, Tasks};
use super::decode::read_body;
use crate::document::ByteLimit;
use crate::error::Error;

/// A connection takes a few turns to end and waits for nobody. This only bounds what cannot be foreseen.
const ENDING: Duration = Duration::from_secs(1);

impl Network {
    /// Sends a request and reads the whole answer, whose body is within `cap`, inside the deadline. No connection is
    /// taken from the pool and none is put there, so that nothing of it stays in buffers.
    pub async fn single(
        &self,
        request: Request<Bytes>,
        cap: ByteLimit,
        deadline: Instant,
    ) -> Result<(StatusCode, Vec<u8>), Error> {
        let (client, tasks) = self.one_off();
        let mut tasks = Ending(tasks);
        let mut exchanged = self.exchange_by(client, &Semaphore::new(1), request.clone(), deadline).await;
        if exchanged.as_ref().is_err_and(|failure| failure.unprocessed && failure.http1_next) {
            let (client, others) = self.one_off();
            tasks = Ending(others);
            exchanged = self.exchange_by(client, &Semaphore::new(1), request, deadline).await;
        }
        let (head, body) = exchanged.map_err(|failure| failure.error)?.response.into_parts();
        let read = read_body(&head, body, cap, deadline, &mut 0).await;
        // Whoever waits for the connection before the body is gone waits for itself.
        let _ = timeout(ENDING, tasks.0.ended()).await;
        read.map(|read| (head.status, read.bytes))
    }
}

/// Connections that end with their request, however that ends.
struct Ending(Tasks);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}
