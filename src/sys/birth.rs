//! Tells a process from those that it was forked from.

use std::num::NonZeroUsize;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU8, Ordering};

use super::pages::page_size;

/// A mark that the process which has made it finds, and a child of a fork does not: the kernel empties its page there. It costs no
/// system call to ask, and unlike a process id it is never given to another process. Where the kernel is older than 4.14, or has no
/// memory left for a page, the process id has to do.
pub enum BirthMark {
    /// One byte in a page of its own, which is never unmapped.
    Page(NonNull<AtomicU8>),
    /// The number of the process.
    Pid(u32),
}

// SAFETY: the page stays mapped for as long as the process lives, and only an atomic in it is used.
unsafe impl Send for BirthMark {}
// SAFETY: as above.
unsafe impl Sync for BirthMark {}

impl BirthMark {
    /// A mark of this process.
    pub fn new() -> Self {
        Self::page().unwrap_or_else(|| Self::Pid(std::process::id()))
    }

    /// Whether this process has made it.
    pub fn is_ours(&self) -> bool {
        match self {
            // SAFETY: the page stays mapped.
            Self::Page(mark) => unsafe { mark.as_ref() }.load(Ordering::Relaxed) == 1,
            Self::Pid(pid) => *pid == std::process::id(),
        }
    }

    fn page() -> Option<Self> {
        let mapped = NonZeroUsize::new(page_size())?.get();
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: asks for a fresh page anywhere; no memory that is in use is touched.
        let start = unsafe { libc::mmap(ptr::null_mut(), mapped, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        // SAFETY: the range is the mapping just made.
        if unsafe { libc::madvise(start, mapped, libc::MADV_WIPEONFORK) } != 0 {
            // SAFETY: nobody else knows of the mapping.
            unsafe { libc::munmap(start, mapped) };
            return None;
        }
        let mark = NonNull::new(start.cast::<AtomicU8>())?;
        // SAFETY: the page is writable, aligned for a byte, and nobody else knows of it.
        unsafe { mark.as_ref() }.store(1, Ordering::Relaxed);
        Some(Self::Page(mark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a forked child says of the mark by its exit code.
    fn in_a_child(mark: &BirthMark) -> bool {
        // SAFETY: the child calls nothing but what may be called after a fork of several threads.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: it ends the child at once.
            unsafe { libc::_exit(i32::from(mark.is_ours())) };
        }
        let mut status = 0;
        // SAFETY: it writes one live value.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert!(libc::WIFEXITED(status), "the child was ended");
        libc::WEXITSTATUS(status) == 1
    }

    #[test]
    fn a_child_has_no_mark_of_its_parent() {
        for mark in [BirthMark::page().expect("a kernel of today"), BirthMark::Pid(std::process::id())] {
            assert!(mark.is_ours());
            assert!(!in_a_child(&mark), "a child takes it for its own");
            assert!(mark.is_ours(), "a fork has taken it from the parent");
        }
    }
}
