//! What a runtime that nobody drives between calls has to be asked for.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::yield_now;

/// Has the runtime poll its sockets once: what has arrived is seen, what is ready to be written is. A task of its own, because
/// another thread may be the one that drives; yielding alone would come back before that one had polled. A runtime with threads of
/// its own polls them all the time, and what arrives a moment before a request is written, the connection itself looks for.
pub async fn poll_sockets() {
    if Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread {
        // It cannot panic, and nobody cancels it.
        let _ = tokio::spawn(yield_now()).await;
    }
}
