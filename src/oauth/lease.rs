//! The right to renew one slot's token: one process of the host has it, and in it one caller. Others replace one that hangs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

use super::slot::SlotId;

/// How long a worker waits before it looks again whether another one has renewed the token.
pub(super) const LEASE_PAUSE: Duration = Duration::from_millis(20);

/// How long an early renewal is left to the worker that began it. Its call may have ended before the token endpoint responded,
/// and then it goes on with that worker's next call.
pub(super) const RENEWAL_LASTS: Duration = Duration::from_secs(30);

/// The paths of one slot.
pub(super) struct Paths {
    /// What is kept.
    pub(super) lasting: PathBuf,
    pub(super) lock: PathBuf,
}

/// The lease of one slot. Dropping it, ending the process and killing it all give it back at once.
///
/// Between processes it is a record lock (POSIX `fcntl`), the one kind that a forked child does not inherit: with `flock`
/// or an open file description lock a child would go on holding what its dead parent held. It belongs to the process,
/// though, and closing any descriptor of the file drops it, so the callers of one process come to a table first, and only
/// who has the place there opens the file.
///
/// Whoever pauses a renewal must drop the lease: everybody else waits for it. A process that is stopped cannot, and its lock
/// stays with it, so after a part of their time the others may take its place, one after the other. Two that write at once do
/// no harm: each has a file of its own until it is whole.
#[derive(Debug)]
pub struct Lease {
    /// Whose it is.
    pub(super) slot: SlotId,
    /// What is kept.
    pub(super) lasting: PathBuf,
    /// What is being written.
    pub(super) fresh: PathBuf,
    // Fields are dropped in their order: the file is closed before the next caller of this process may open it.
    lock: File,
    place: Place,
}

impl Paths {
    pub(super) fn new(directory: &Path, slot: &SlotId, extension: &str) -> Self {
        let name = slot.hex();
        let path = |extension| directory.join(format!("{name}.{extension}"));
        Self { lasting: path(extension), lock: path("lock") }
    }

    /// What is being written by whoever has this place.
    pub(super) fn fresh(&self, byte: u32) -> PathBuf {
        let extension = if byte == 0 { "new".to_owned() } else { format!("new{byte}") };
        self.lasting.with_extension(extension)
    }
}

impl Lease {
    /// Tries, and does not wait: a caller tries again on its own timer, within its own deadline. `None` while another has
    /// it. An error where the file cannot be made or locked, so that there is nothing to wait for.
    ///
    /// The file's modification time says since when a renewal has been under way that came to nothing yet, as the process
    /// that began it may have no caller now to drive it on. `None` also where that is less than `quiet` ago.
    ///
    /// Each byte of the file is a place, the first one the holder's and so many behind it for those that take its place.
    pub(super) fn take(slot: &SlotId, paths: Paths, quiet: Duration, substitutes: u32) -> io::Result<Option<Self>> {
        let Some(place) = Place::take(slot) else { return Ok(None) };
        // The file stays for ever: whoever waits for the lock of a removed one would have it beside the new one's holder.
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&paths.lock)?;
        let Some(byte) = lock_first_free(&lock, substitutes)? else { return Ok(None) };
        if lock.metadata()?.modified()?.elapsed().is_ok_and(|since| since < quiet) {
            return Ok(None);
        }
        lock.set_modified(SystemTime::now())?;
        let fresh = paths.fresh(byte);
        Ok(Some(Self { slot: *slot, lasting: paths.lasting, fresh, lock, place }))
    }

    /// Puts a sealed token where a reader of the directory finds it.
    ///
    /// Readers see the file before or the file after, never half of one. It is not synced: after a crash of the machine it
    /// may be empty or torn, then it does not authenticate, and that costs one token request.
    pub(super) fn write(&self, file: &[u8]) -> io::Result<()> {
        let mut fresh = self.create_fresh()?;
        let written = fresh.write_all(file).and_then(|()| fs::rename(&self.fresh, &self.lasting));
        match &written {
            Ok(()) => self.is_over(),
            // What remains is found above the next time.
            Err(_) => drop(fs::remove_file(&self.fresh)),
        }
        written
    }

    /// Refuses what only the process may do that took the lease.
    pub(super) fn check(&self) -> io::Result<()> {
        let others = || io::Error::other("a forked child does not have its parent's lease");
        if self.place.is_own() { Ok(()) } else { Err(others()) }
    }

    fn create_fresh(&self) -> io::Result<File> {
        self.check()?;
        // A file may be left of a writer that was killed. Nobody else writes it: each place has its own.
        match fs::remove_file(&self.fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // `create_new` makes its own file or none, so it does not follow a link either.
        OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(&self.fresh)
    }

    /// Notes that no renewal is under way any more, though that is known only to spare a request.
    pub(super) fn is_over(&self) {
        let _ = self.lock.set_modified(SystemTime::UNIX_EPOCH);
    }

    /// Removes a file of the slot that nobody has written for so long. The lock stays.
    pub(super) fn remove(self, path: &Path, unwritten_for: Duration) {
        if is_older(path, unwritten_for) {
            let _ = fs::remove_file(path);
        }
        self.is_over();
    }
}

/// Whether nobody has written the file for so long. One from the future was written before the clock was set back.
pub(super) fn is_older(path: &Path, age: Duration) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|elapsed| elapsed >= age))
}

fn lock_first_free(file: &File, substitutes: u32) -> io::Result<Option<u32>> {
    for byte in 0..=substitutes {
        if try_lock(file, byte)? {
            return Ok(Some(byte));
        }
    }
    Ok(None)
}

fn try_lock(file: &File, byte: u32) -> io::Result<bool> {
    let range = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte.into(),
        l_len: 1,
        l_pid: 0,
    };
    match fcntl(file, FcntlArg::F_SETLK(&range)) {
        Ok(_) => Ok(true),
        Err(Errno::EACCES | Errno::EAGAIN) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// The leases that this process holds, each as the process's id in the place of its slot; 0 is free, and so is another id,
/// which a forked child has inherited. No lock guards it, because a child could inherit that one taken. Two slots with one
/// place exclude each other within a process, which costs the second a wait, and is rare.
static HELD: [AtomicU32; 4096] = [const { AtomicU32::new(0) }; 4096];

#[derive(Debug)]
struct Place {
    at: &'static AtomicU32,
    pid: u32,
}

impl Place {
    fn take(slot: &SlotId) -> Option<Self> {
        let [.., first, second] = *slot.as_bytes();
        let at = HELD.get(usize::from(u16::from_be_bytes([first, second])) % HELD.len())?;
        let pid = std::process::id();
        let seen = at.load(Ordering::Acquire);
        if seen == pid {
            return None;
        }
        at.compare_exchange(seen, pid, Ordering::AcqRel, Ordering::Relaxed).ok().map(|_| Self { at, pid })
    }

    fn is_own(&self) -> bool {
        self.pid == std::process::id()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Not in a child that has taken the place for itself meanwhile.
        let _ = self.at.compare_exchange(self.pid, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}
