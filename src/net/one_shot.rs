//! One request on a connection of its own, which is gone when the response is there.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::body::Content;
use super::client::Tasks;
use super::network::{Network, Way};
use super::response::Collected;
use super::terms::Terms;
use crate::document::ByteLimit;
use crate::error::Error;

/// A connection ends a few polls later and waits for nobody. This bounds only what cannot be foreseen.
const ENDING: Duration = Duration::from_secs(1);

impl Network {
    /// Sends a request and reads the whole response, whose body is within `cap`, inside the deadline. No connection is taken
    /// from the pool and none is put there, so that nothing of it stays in buffers.
    pub async fn one_shot(
        &self,
        request: Request<Bytes>,
        cap: ByteLimit,
        deadline: Instant,
    ) -> Result<Collected, Error> {
        let request = request.map(Content::Whole);
        let (client, tasks) = self.one_shot_client();
        let mut tasks = AbortOnDrop(tasks);
        let terms = Terms { way: Way::Called, deadline, connect: None, beside: false, idle: None, http3: None };
        let gate = Semaphore::new(1);
        let mut exchanged = self.exchange_by(Some(&client), &gate, request.clone(), Arc::default(), terms).await;
        if exchanged.as_ref().is_err_and(|failure| failure.unprocessed && failure.http1_next) {
            let (client, others) = self.one_shot_client();
            tasks = AbortOnDrop(others);
            exchanged = self.exchange_by(Some(&client), &gate, request, Arc::default(), terms).await;
        }
        let collected = exchanged.map_err(|failure| failure.error)?.collect(cap, deadline, None, &mut 0).await;
        // Only now: a connection does not end before its body is gone.
        let _ = timeout(ENDING, tasks.0.ended()).await;
        collected
    }
}

/// Connections that end with their request, however that ends.
struct AbortOnDrop(Tasks);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
