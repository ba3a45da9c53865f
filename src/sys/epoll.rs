//! The epoll descriptor of a runtime that does not show it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

/// A runtime is older than most descriptors of its process, and in some containers there may be a billion of them.
const MOST: i32 = 1 << 16;

/// A descriptor of this process's own for the epoll instance that watches a descriptor which nothing else watches. The instance
/// watches it no more afterwards.
pub fn watching(watched: BorrowedFd<'_>) -> Option<OwnedFd> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: it writes to a value of this frame.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } != 0 {
        return None;
    }
    let numbers = 0..i32::try_from(limit.rlim_cur).unwrap_or(i32::MAX).min(MOST);
    // SAFETY: taking a descriptor off a list that it is not on changes nothing, whatever the number is of; EPOLL_CTL_DEL reads no event.
    let is_it = |number: &i32| unsafe {
        libc::epoll_ctl(*number, libc::EPOLL_CTL_DEL, watched.as_raw_fd(), ptr::null_mut()) == 0
    };
    let number = numbers.into_iter().find(is_it)?;
    // SAFETY: it asks for a duplicate, and changes nothing.
    let duplicate = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 0) };
    // SAFETY: the duplicate is new, and nobody else's.
    (duplicate >= 0).then(|| unsafe { OwnedFd::from_raw_fd(duplicate) })
}

/// Whether there is something to be read.
pub fn is_readable(descriptor: &OwnedFd) -> bool {
    let mut asked = libc::pollfd { fd: descriptor.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: it reads and writes one value of this frame.
    unsafe { libc::poll(&mut asked, 1, 0) == 1 }
}
