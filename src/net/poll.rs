//! What a runtime that nobody drives between calls has to be asked for.

/// Has the runtime poll its sockets once: what has arrived is seen, what is ready to be written is. A task of its own, because
/// another thread may be the one that drives; yielding alone would come back before that one had polled.
pub async fn poll_sockets() {
    // It cannot panic, and nobody cancels it.
    let _ = tokio::spawn(tokio::task::yield_now()).await;
}
