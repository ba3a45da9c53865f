//! What the library keeps in a process, and how a forked child gets its own.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::by_thread::ByThread;
use super::result::Results;
use super::runtime::Runtime;
use crate::engine::{Decided, Engines, Heritage, Ongoing};
use crate::error::Error;
use crate::sys::{BirthMark, lock};

/// The library's state in one process.
pub struct Process {
    mark: BirthMark,
    /// Live results.
    pub results: Results,
    /// Calls that were decided about and not sent yet, each with the handle of its engine.
    pub decided: ByThread<(u64, Decided)>,
    /// Exchanges that go on.
    pub ongoing: ByThread<Arc<Ongoing>>,
    engines: Mutex<Engines>,
    runtime: OnceLock<Runtime>,
    /// What a child finds: the engines as of the last change, readable without the lock that another thread of the
    /// parent may hold for ever in the child's copy of memory.
    heritage: AtomicPtr<Heritage>,
}

/// `CURRENT` hands it to every thread, and the compiler does not check a raw pointer for that.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Process>();
    shared::<Heritage>();
};

static CURRENT: AtomicPtr<Process> = AtomicPtr::new(ptr::null_mut());

impl Process {
    /// The state of this process. The first call after a fork makes the child's; the parent's copy is left as it is, for
    /// dropping it would hang up the parent's connections.
    pub fn current() -> &'static Self {
        let mut seen = CURRENT.load(Ordering::Acquire);
        loop {
            // SAFETY: the pointer is null or came from `Box::into_raw` below and is never freed.
            let inherited = unsafe { seen.as_ref() };
            if let Some(process) = inherited
                && process.mark.is_ours()
            {
                return process;
            }
            let fresh = Box::into_raw(Box::new(Self::new(inherited)));
            match CURRENT.compare_exchange(seen, fresh, Ordering::AcqRel, Ordering::Acquire) {
                // SAFETY: `fresh` came from `Box::into_raw` and is never freed from now on.
                Ok(_) => return unsafe { &*fresh },
                Err(newer) => {
                    // SAFETY: nobody else has seen `fresh`.
                    drop(unsafe { Box::from_raw(fresh) });
                    seen = newer;
                }
            }
        }
    }

    fn new(parent: Option<&Self>) -> Self {
        let heritage = parent.map_or(ptr::null_mut(), |parent| parent.heritage.load(Ordering::Acquire));
        // SAFETY: a parent's heritage came from `Box::into_raw` below or in `change`, and in this process nobody frees it:
        // only the parent's own threads would, and they are not here.
        let engines = unsafe { heritage.as_ref() }.map(Engines::from).unwrap_or_default();
        // Not the parent's own: that one may be read here by several threads, so none of them may free it.
        let heritage = AtomicPtr::new(Box::into_raw(Box::new(engines.heritage())));
        Self {
            mark: BirthMark::new(),
            results: Results::default(),
            decided: ByThread::default(),
            ongoing: ByThread::default(),
            engines: Mutex::new(engines),
            runtime: OnceLock::new(),
            heritage,
        }
    }

    /// The engines, to look one up.
    pub fn engines(&self) -> MutexGuard<'_, Engines> {
        lock(&self.engines)
    }

    /// Changes the engines, and with them what a child will find.
    pub fn change<T>(&self, change: impl FnOnce(&mut Engines) -> T) -> T {
        let mut engines = self.engines();
        let changes = engines.changes();
        let outcome = change(&mut engines);
        if engines.changes() != changes {
            let before = self.heritage.swap(Box::into_raw(Box::new(engines.heritage())), Ordering::AcqRel);
            // SAFETY: it came from `Box::into_raw`; this process reads it nowhere else, and a child has its own copy.
            drop(unsafe { Box::from_raw(before) });
        }
        outcome
    }

    /// Lets connections that nobody has any more hang up. Without it they would wait for the next call.
    pub fn poll_sockets(&self) {
        if let Some(runtime) = self.runtime.get() {
            runtime.poll_sockets();
        }
    }

    /// Has the runtime come to rest, where a host sleeps on its descriptor.
    pub fn settle(&self) {
        if let Some(runtime) = self.runtime.get().filter(|runtime| runtime.is_watched()) {
            runtime.settle_and_wipe(std::future::ready(()));
        }
    }

    /// The runtime, made at the first send.
    pub fn runtime(&self) -> Result<&Runtime, Error> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        // Two threads may come here together: the runtime of one goes unused.
        let runtime = Runtime::new()?;
        Ok(self.runtime.get_or_init(|| runtime))
    }
}

impl Drop for Process {
    /// Only one that lost the race in `current` is ever dropped.
    fn drop(&mut self) {
        // SAFETY: it came from `Box::into_raw`, and nobody else has seen it.
        drop(unsafe { Box::from_raw(*self.heritage.get_mut()) });
    }
}
