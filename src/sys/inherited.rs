//! The socket that systemd hands over.

use std::env;
use std::os::fd::FromRawFd;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

/// The number of the first descriptor that is handed over (sd_listen_fds(3)).
const FIRST: i32 = 3;

/// The one listening socket that systemd handed to this process, if it did. It can be taken once.
pub fn inherited_listener() -> Option<UnixListener> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let number = |name: &str| env::var(name).ok()?.parse::<u32>().ok();
    if number("LISTEN_PID")? != std::process::id() || number("LISTEN_FDS")? != 1 || TAKEN.swap(true, Ordering::AcqRel) {
        return None;
    }
    // SAFETY: it asks about a number, and changes nothing but a flag of the descriptor, if there is one.
    if unsafe { libc::fcntl(FIRST, libc::F_SETFD, libc::FD_CLOEXEC) } == -1 {
        return None;
    }
    // SAFETY: the descriptor is open, systemd handed it over for this process to own, and it is taken once.
    Some(unsafe { UnixListener::from_raw_fd(FIRST) })
}
