//! What a runtime that nobody drives between calls has to be asked for.

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::yield_now;

/// Has the runtime poll its sockets once: what has arrived is seen, what is ready to be written is. A task of its own, because
/// another thread may be the one that drives; yielding alone would come back before that one had polled. A runtime with threads of
/// its own polls them all the time: there it is enough that what was woken before comes first. Of what one poll wakes, the last
/// task runs before the others, so it yields once more.
pub async fn poll_sockets() {
    if Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread {
        yield_now().await;
        return yield_now().await;
    }
    // It cannot panic, and nobody cancels it.
    let _ = tokio::spawn(yield_now()).await;
}
