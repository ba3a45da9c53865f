//! What C has the number of, until it is given back: by number, and all of a thread at once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::sys::lock;

/// Numbers go on over a fork, so that none of a parent's ever means something of the child's.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Numbers of threads, of which none is used again.
static NEXT_THREAD: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static THREAD: u64 = NEXT_THREAD.fetch_add(1, Ordering::Relaxed);
}

/// Values by number, each with the thread whose call it is of.
pub struct ByThread<T>(Mutex<HashMap<u64, (u64, T)>>);

impl<T> Default for ByThread<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> ByThread<T> {
    /// Keeps a value and gives its number.
    pub fn keep(&self, value: T) -> u64 {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        self.live().insert(number, (THREAD.with(|thread| *thread), value));
        number
    }

    /// The same, and lets the oldest go where there are more than `most` of all threads.
    pub fn keep_at_most(&self, value: T, most: usize) -> u64 {
        let number = self.keep(value);
        let mut live = self.live();
        let oldest = if live.len() > most { live.keys().min().copied() } else { None };
        let gone = oldest.and_then(|oldest| live.remove(&oldest));
        drop(live);
        drop(gone);
        number
    }

    /// Gives a value back, if it is still there.
    pub fn take(&self, number: u64) -> Option<T> {
        self.live().remove(&number).map(|(_, value)| value)
    }

    /// The value of a number, if it is still there.
    pub fn get(&self, number: u64) -> Option<T>
    where
        T: Clone,
    {
        self.live().get(&number).map(|(_, value)| value.clone())
    }

    /// The values of this thread.
    pub fn of_this_thread(&self) -> Vec<T>
    where
        T: Clone,
    {
        let thread = THREAD.with(|thread| *thread);
        self.live().values().filter(|(owner, _)| *owner == thread).map(|(_, value)| value.clone()).collect()
    }

    /// Lets every value of this thread go. Says whether there were any.
    pub fn free_of_this_thread(&self) -> bool {
        let thread = THREAD.with(|thread| *thread);
        let of_thread: Vec<_> = self.live().extract_if(|_, (owner, _)| *owner == thread).collect();
        !of_thread.is_empty()
    }

    fn live(&self) -> MutexGuard<'_, HashMap<u64, (u64, T)>> {
        lock(&self.0)
    }
}
