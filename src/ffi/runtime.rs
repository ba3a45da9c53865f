//! The runtime that the calling threads drive.

use std::future::{Future, poll_fn};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Poll, Waker};

use crate::error::{Code, Error};
use crate::net;
use crate::oauth;
use crate::sys::{epoll, lock, wiped};

/// One single-threaded runtime for a process. It has no thread of its own: whoever waits for a response drives it, and
/// several callers take turns.
pub struct Runtime {
    runtime: tokio::runtime::Runtime,
    rest: Arc<Resting>,
}

/// Whether there is nothing left to do for a runtime but to wait.
#[derive(Default)]
struct Resting {
    /// The runtime's epoll descriptor, once a host has asked for it.
    epoll: OnceLock<OwnedFd>,
    /// How often it has come to rest while somebody wanted to know.
    times: AtomicU64,
    asking: Mutex<Vec<Waker>>,
}

impl Resting {
    /// Before the runtime waits. What its descriptor has comes first.
    fn before_waiting(&self) {
        let Some(epoll) = self.epoll.get() else { return };
        net::forget_woken();
        if !epoll::is_readable(epoll) {
            self.times.fetch_add(1, Ordering::AcqRel);
            std::mem::take(&mut *lock(&self.asking)).into_iter().for_each(Waker::wake);
        }
    }
}

impl Runtime {
    /// Makes the runtime: an epoll descriptor and no thread.
    pub fn new() -> Result<Self, Error> {
        let rest = Arc::<Resting>::default();
        let waiting = Arc::clone(&rest);
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .on_thread_park(move || waiting.before_waiting())
            .build()
            .map(|runtime| Self { runtime, rest })
            .map_err(|_| Error::new(Code::ConnectFailed, "the process has no file descriptors left for epoll"))
    }

    /// Has it poll its sockets once.
    pub fn poll_sockets(&self) {
        self.block_on(net::poll_sockets());
    }

    /// Gives it a task, which goes on while anybody drives the runtime.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(net::noticed(task)));
    }

    /// Drives the runtime until the future ends.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let output = self.runtime.block_on(future);
        self.end_refreshes();
        if self.is_watched() {
            // What was left to do shows at the descriptor by a task that comes from outside, and by nothing else.
            drop(self.runtime.spawn(std::future::ready(())));
        }
        output
    }

    /// Drives on what may not be left alone: a refresh token that was sent, until what it was exchanged for is kept.
    fn end_refreshes(&self) {
        if oauth::is_refreshing() {
            wiped(|| self.runtime.block_on(oauth::refreshed()));
        }
    }

    /// The same, and wipes the stack afterwards. Whatever decrypts and reads the response of a token endpoint leaves pieces of the
    /// token in its frames.
    pub fn block_on_and_wipe<F: Future>(&self, future: F) -> F::Output {
        wiped(|| self.block_on(future))
    }

    /// Whether a host has its descriptor.
    pub fn is_watched(&self) -> bool {
        self.rest.epoll.get().is_some()
    }

    /// Drives a runtime whose descriptor a host has until there is nothing left to do but to wait, and gives what a future has by
    /// then. Afterwards the descriptor is readable as soon as there is something to do again.
    pub fn settle_and_wipe<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        wiped(|| {
            self.come_to_rest();
            while oauth::is_refreshing() {
                self.end_refreshes();
                self.come_to_rest();
            }
            let output = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    output = future => Some(output),
                    () = std::future::ready(()) => None,
                }
            });
            if oauth::is_refreshing() {
                self.block_on(oauth::refreshed());
            }
            output
        })
    }

    /// Drives it until there is nothing left to do but to wait.
    fn come_to_rest(&self) {
        let begun = self.rest.times.load(Ordering::Acquire);
        self.runtime.block_on(poll_fn(|cx| {
            // Timers are looked at after it has come to rest, so it has to come to rest once more.
            // What came while it was about to wait is no longer at the descriptor, and has woken a task that did not go on yet.
            if self.rest.times.load(Ordering::Acquire) > begun + 1 && !self.has_woken() {
                return Poll::Ready(());
            }
            lock(&self.rest.asking).push(cx.waker().clone());
            Poll::Pending
        }));
    }

    /// Whether a task was woken since the runtime was about to wait: by its sockets and timers, or by another thread.
    fn has_woken(&self) -> bool {
        net::any_woken() || self.runtime.metrics().global_queue_depth() > 0
    }

    /// A descriptor that is readable where there is something to do; nothing where the process has none left.
    pub fn descriptor(&self) -> Option<i32> {
        if let Some(epoll) = self.rest.epoll.get() {
            return Some(epoll.as_raw_fd());
        }
        let found = self.found()?;
        let epoll = self.rest.epoll.get_or_init(|| found);
        // What was done before nobody knows.
        drop(self.runtime.spawn(std::future::ready(())));
        Some(epoll.as_raw_fd())
    }

    /// A duplicate of the descriptor that watches what the runtime is given to watch.
    fn found(&self) -> Option<OwnedFd> {
        let (ours, _theirs) = UnixStream::pair().ok()?;
        ours.set_nonblocking(true).ok()?;
        let _context = self.runtime.enter();
        let watched = tokio::net::UnixStream::from_std(ours).ok()?;
        epoll::watching(watched.as_fd())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::thread;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// The other end answers while the host is about to sleep again, so often that it comes at each moment of that.
    #[test]
    fn what_comes_while_the_host_goes_to_sleep_wakes_it() {
        const ROUNDS: u32 = 30_000;
        let runtime = Runtime::new().expect("a runtime");
        let fd = runtime.descriptor().expect("a descriptor");
        let (ours, mut theirs) = UnixStream::pair().expect("two sockets");
        ours.set_nonblocking(true).expect("a socket");
        let echo = thread::spawn(move || {
            let mut byte = [0];
            while theirs.read(&mut byte).is_ok_and(|read| read == 1) && theirs.write_all(&byte).is_ok() {}
        });
        let rounds = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&rounds);
        runtime.spawn(async move {
            let mut ours = tokio::net::UnixStream::from_std(ours).expect("a socket");
            for _ in 0..ROUNDS {
                ours.write_all(b"x").await.expect("it is written");
                ours.read_exact(&mut [0]).await.expect("it is answered");
                counted.fetch_add(1, Ordering::AcqRel);
            }
        });
        while rounds.load(Ordering::Acquire) < u64::from(ROUNDS) {
            let mut asked = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            // SAFETY: it reads and writes one live value.
            let woken = unsafe { libc::poll(&mut asked, 1, 10_000) };
            assert_eq!(woken, 1, "nothing woke it after {} rounds", rounds.load(Ordering::Acquire));
            runtime.settle_and_wipe(std::future::ready(()));
        }
        echo.join().expect("a thread");
    }
}
