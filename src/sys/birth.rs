//! Tells a process from those that it was forked from.

use std::num::NonZeroUsize;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use super::pages::page_size;

/// How often this process and those before it were made by the C library's fork.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// A mark that the process which has made it finds, and a child of a fork does not: the kernel empties its page there, and the C library's
/// fork counts. Either would do, but an emulator may promise the first and not do it, and a fork without the C library is not counted.
/// Neither costs a system call, and unlike a process id neither is ever given to another process.
pub struct BirthMark {
    forks: u64,
    kept: Kept,
}

enum Kept {
    /// One byte in a page of its own, which is never unmapped.
    Page(NonNull<AtomicU8>),
    /// The number of the process, where the kernel is older than 4.14 or has no memory left for a page.
    Pid(u32),
}

// SAFETY: the page stays mapped for as long as the process lives, and only an atomic in it is used.
unsafe impl Send for BirthMark {}
// SAFETY: as above.
unsafe impl Sync for BirthMark {}

impl BirthMark {
    /// A mark of this process.
    pub fn new() -> Self {
        count_forks();
        let kept = page().map_or_else(|| Kept::Pid(std::process::id()), Kept::Page);
        Self { forks: FORKS.load(Ordering::Relaxed), kept }
    }

    /// Whether this process has made it.
    pub fn is_ours(&self) -> bool {
        self.forks == FORKS.load(Ordering::Relaxed) && self.kept.is_ours()
    }
}

impl Kept {
    fn is_ours(&self) -> bool {
        match self {
            // SAFETY: the page stays mapped.
            Self::Page(mark) => unsafe { mark.as_ref() }.load(Ordering::Relaxed) == 1,
            Self::Pid(pid) => *pid == std::process::id(),
        }
    }
}

/// Has the C library count its forks. Not a `Once`: a fork in its middle would leave the child waiting for ever.
fn count_forks() {
    static COUNTED: AtomicBool = AtomicBool::new(false);
    if !COUNTED.swap(true, Ordering::AcqRel) {
        // SAFETY: the function stays where it is, since the library is never unloaded, and does what may be done after a fork. Where
        // there is no memory to note it, the page has to do.
        unsafe { libc::pthread_atfork(None, None, Some(count)) };
    }
}

unsafe extern "C" fn count() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

fn page() -> Option<NonNull<AtomicU8>> {
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
    Some(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a child says of a mark by its exit code.
    fn says(child: libc::c_long, is_ours: impl FnOnce() -> bool) -> bool {
        if child == 0 {
            // SAFETY: it ends the child at once.
            unsafe { libc::_exit(i32::from(is_ours())) };
        }
        let (child, mut status) = (libc::pid_t::try_from(child).expect("a process"), 0);
        // SAFETY: it writes one live value.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert!(libc::WIFEXITED(status), "the child was ended");
        libc::WEXITSTATUS(status) == 1
    }

    #[test]
    fn a_child_has_no_mark_of_its_parent() {
        let mark = BirthMark::new();
        // SAFETY: the child calls nothing but what may be called after a fork of several threads; so do those below.
        assert!(!says(libc::c_long::from(unsafe { libc::fork() }), || mark.is_ours()), "a child takes it for its own");
        assert!(mark.is_ours(), "a fork has taken it from the parent");
        // SAFETY: as above.
        let child = unsafe { libc::fork() };
        assert!(!says(child.into(), || mark.forks == FORKS.load(Ordering::Relaxed)), "the C library does not count");
    }

    #[test]
    fn a_fork_without_the_c_library_loses_it_too() {
        let mark = BirthMark::new();
        for kept in [mark.kept, Kept::Pid(std::process::id())] {
            // SAFETY: as above, and the child has a copy of everything.
            let child = unsafe { libc::syscall(libc::SYS_clone, libc::c_long::from(libc::SIGCHLD), 0, 0, 0, 0) };
            assert!(!says(child, || kept.is_ours()), "a child takes it for its own");
            assert!(kept.is_ours(), "a fork has taken it from the parent");
        }
    }
}
