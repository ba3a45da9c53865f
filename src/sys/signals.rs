//! Keeps SIGPIPE from a host that does not ignore it.

use std::mem::MaybeUninit;
use std::ptr;

/// Blocks SIGPIPE on this thread for as long as it lives, takes the one that came meanwhile, and restores the mask.
/// Vectored writes to a socket have no MSG_NOSIGNAL.
pub struct SigpipeBlocked {
    before: libc::sigset_t,
    was_pending: bool,
}

impl SigpipeBlocked {
    /// Blocks SIGPIPE from here on.
    pub fn new() -> Self {
        let was_pending = is_pending();
        let mut before = MaybeUninit::uninit();
        // SAFETY: both sets are this function's own, and pthread_sigmask fills `before`; with a valid `how` it cannot fail.
        let before = unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &only_sigpipe(), before.as_mut_ptr());
            before.assume_init()
        };
        Self { before, was_pending }
    }
}

impl Drop for SigpipeBlocked {
    fn drop(&mut self) {
        if !self.was_pending && is_pending() {
            let none = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: the pointers are to values of this frame, NULL asks for no details.
            unsafe { libc::sigtimedwait(&only_sigpipe(), ptr::null_mut(), &none) };
        }
        // SAFETY: `before` was filled by pthread_sigmask on this thread.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, ptr::null_mut()) };
    }
}

fn only_sigpipe() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set before anything reads it; SIGPIPE is a signal.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        set.assume_init()
    }
}

fn is_pending() -> bool {
    let mut pending = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set, sigpending overwrites it.
    unsafe {
        libc::sigemptyset(pending.as_mut_ptr());
        libc::sigpending(pending.as_mut_ptr());
        libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1
    }
}
