//! The runtime that the calling threads drive.

use std::future::Future;

use crate::error::{Code, Error};

/// One single-threaded runtime for a process. It has no thread of its own: whoever waits for an answer drives it, and
/// several callers take turns.
pub struct Runtime(tokio::runtime::Runtime);

impl Runtime {
    /// Makes the runtime: an epoll descriptor and no thread.
    pub fn new() -> Result<Self, Error> {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map(Self)
            .map_err(|_| Error::new(Code::ConnectFailed, "the process has no file descriptors left for epoll"))
    }

    /// Gives what is ready a turn.
    pub fn turn(&self) {
        self.0.block_on(tick());
    }

    /// Drives the runtime until the future ends.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}

/// Lets one turn of the runtime pass: what has arrived is seen, what is ready to leave leaves. A task of its own, because
/// another thread may be the one that drives; yielding alone would come back before that one had looked.
pub async fn tick() {
    // It cannot panic, and nobody cancels it.
    let _ = tokio::spawn(tokio::task::yield_now()).await;
}
