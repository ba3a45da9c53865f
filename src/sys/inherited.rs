//! The sockets that systemd hands over.

use std::env;
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

/// The number of the first descriptor that is handed over (sd_listen_fds(3)).
const FIRST: i32 = 3;

/// More than any unit hands over.
const MOST: i32 = 64;

/// The listening sockets that systemd handed to this process, with their names; one without a name has an empty one. They can be taken
/// once.
pub fn inherited_listeners() -> Vec<(String, UnixListener)> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let number = |name: &str| env::var(name).ok()?.parse::<u32>().ok();
    let count = number("LISTEN_FDS").and_then(|count| i32::try_from(count).ok()).unwrap_or(0).min(MOST);
    if number("LISTEN_PID") != Some(std::process::id()) || TAKEN.swap(true, Ordering::AcqRel) {
        return Vec::new();
    }
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').map(str::to_owned);
    let mut taken = Vec::new();
    for number in FIRST..FIRST + count {
        // A descriptor that is not there has a name as well.
        let name = names.next().unwrap_or_default();
        // SAFETY: it asks about a number, and changes nothing but a flag of the descriptor, if there is one.
        if unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } != -1 {
            // SAFETY: the descriptor is open, systemd handed it over for this process to own, and it is taken once.
            let owned = unsafe { OwnedFd::from_raw_fd(number) };
            taken.push((name, UnixListener::from(owned)));
        }
    }
    taken
}
