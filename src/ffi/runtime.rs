//! The runtime that the calling threads drive.

use std::future::Future;

use crate::error::{Code, Error};
use crate::net;
use crate::sys::wiped;

/// One single-threaded runtime for a process. It has no thread of its own: whoever waits for a response drives it, and
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

    /// Has it poll its sockets once.
    pub fn poll_sockets(&self) {
        self.0.block_on(net::poll_sockets());
    }

    /// Gives it a task, which goes on while anybody drives the runtime.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.spawn(task));
    }

    /// Drives the runtime until the future ends.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    /// The same, and wipes the stack afterwards. Whatever decrypts and reads the response of a token endpoint leaves pieces of the
    /// token in its frames.
    pub fn block_on_and_wipe<F: Future>(&self, future: F) -> F::Output {
        wiped(|| self.0.block_on(future))
    }
}
