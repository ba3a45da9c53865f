//! Memory that is neither swapped out nor dumped.

use std::num::NonZeroUsize;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

/// Bytes in pages of their own, which nothing shares: left out of core dumps, and locked in memory as far as the process's
/// limit allows. Wiped when they go.
///
/// There is no list of them and no lock, so that a fork finds each as it was; a child has them as well, but not their lock.
pub struct LockedPages {
    start: NonNull<u8>,
    mapped: NonZeroUsize,
    len: usize,
    /// The process that has locked them; 0 where none could.
    locked_by: AtomicU32,
}

// SAFETY: the pages belong to this value alone, and nothing writes to them until it is dropped.
unsafe impl Send for LockedPages {}
// SAFETY: as above.
unsafe impl Sync for LockedPages {}

impl LockedPages {
    /// Pages that hold a copy of these bytes. `None` where the system has no memory left to map.
    pub fn holding(bytes: &[u8]) -> Option<Self> {
        let mapped = NonZeroUsize::new(bytes.len().max(1).checked_next_multiple_of(page_size())?)?;
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: asks for fresh pages anywhere; no memory that is in use is touched.
        let start = unsafe { libc::mmap(ptr::null_mut(), mapped.get(), protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        let pages = Self { start: NonNull::new(start.cast())?, mapped, len: bytes.len(), locked_by: AtomicU32::new(0) };
        pages.lock();
        // SAFETY: the pages are writable, at least as long as `bytes`, and nobody else knows of them yet.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), pages.start.as_ptr(), bytes.len()) };
        Some(pages)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `len` bytes were written at `start`, which stays mapped and unchanged as long as `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// Whether this process has them locked and out of its core dumps.
    pub fn is_locked(&self) -> bool {
        self.locked_by.load(Ordering::Relaxed) == std::process::id()
    }

    /// Tries to lock them for this process. A forked child inherits that they are left out of dumps, and no lock.
    pub fn lock(&self) {
        let start = self.start.as_ptr().cast();
        // SAFETY: the range is this value's own mapping; neither call changes what it holds.
        let protected = unsafe {
            let hidden = libc::madvise(start, self.mapped.get(), libc::MADV_DONTDUMP) == 0;
            libc::mlock(start, self.mapped.get()) == 0 && hidden
        };
        self.locked_by.store(if protected { std::process::id() } else { 0 }, Ordering::Relaxed);
    }
}

impl Drop for LockedPages {
    fn drop(&mut self) {
        // SAFETY: the range is this value's own writable mapping, which nobody can reach any more. A write before unmapping is
        // a dead store to the compiler; explicit_bzero is not. Unmapping unlocks.
        unsafe {
            libc::explicit_bzero(self.start.as_ptr().cast(), self.mapped.get());
            libc::munmap(self.start.as_ptr().cast(), self.mapped.get());
        }
    }
}

/// The size of a page in bytes.
pub(super) fn page_size() -> usize {
    // SAFETY: asks for a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).ok().filter(|size| size.is_power_of_two()).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_any_length() {
        for len in [0, 1, 32, page_size(), page_size() + 1] {
            let bytes: Vec<u8> = (0..len).map(|index| index.to_le_bytes()[0]).collect();
            let pages = LockedPages::holding(&bytes).expect("memory");
            assert_eq!(pages.bytes(), bytes);
            assert!(pages.is_locked(), "{len} bytes are inside every limit");
        }
    }
}
