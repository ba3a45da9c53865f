//! Mutexes that a panic elsewhere does not spoil.

#![deny(unsafe_code)]

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks it. A panic while it was locked leaves what is in the crate's mutexes whole, so a poisoned one is no reason to stop.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
