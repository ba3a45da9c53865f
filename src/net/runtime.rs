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
        self.0.block_on(tokio::task::yield_now());
    }

    /// Drives the runtime until the future ends.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}
