//! The right to renew one slot's token: one process of the host has it, and in it one caller. Others replace one that hangs.

use std::borrow::Borrow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};

use super::sealed::{self, StoredToken};
use super::slot::SlotId;
use crate::envelope::MasterKey;

/// The paths of one slot.
pub(super) struct Paths {
    pub(super) token: PathBuf,
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
    slot: SlotId,
    token: PathBuf,
    fresh: PathBuf,
    // Fields are dropped in their order: the file is closed before the next caller of this process may open it.
    lock: File,
    place: Place,
}

impl Paths {
    pub(super) fn new(directory: &Path, slot: &SlotId) -> Self {
        let name = slot.hex();
        let path = |extension| directory.join(format!("{name}.{extension}"));
        Self { token: path("token"), lock: path("lock") }
    }

    /// What is being written by whoever has this place.
    fn fresh(&self, byte: u32) -> PathBuf {
        let extension = if byte == 0 { "new".to_owned() } else { format!("new{byte}") };
        self.token.with_extension(extension)
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
        Ok(Some(Self { slot: *slot, token: paths.token, fresh, lock, place }))
    }

    /// Puts the token where a reader of the directory finds it, sealed under the first of the keys.
    ///
    /// Readers see the file before or the file after, never half of one. It is not synced: after a crash of the machine it
    /// may be empty or torn, then it does not authenticate, and that costs one token request.
    pub(super) fn write(&self, token: &StoredToken, master_keys: &[impl Borrow<MasterKey>]) -> io::Result<()> {
        if !self.place.is_own() {
            return Err(io::Error::other("a forked child does not have its parent's lease"));
        }
        let file = master_keys.first().and_then(|key| sealed::seal(token, &self.slot, key.borrow()));
        let file = file.ok_or_else(|| io::Error::other("the token cannot be sealed"))?;
        // A file may be left of a writer that was killed. Nobody else writes it: each place has its own.
        match fs::remove_file(&self.fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // `create_new` makes its own file or none, so it does not follow a link either.
        let mut fresh = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&self.fresh)?;
        // No renewal is under way any more, though that is known only to spare a request.
        let ended = || self.lock.set_modified(SystemTime::UNIX_EPOCH).or(Ok(()));
        let written = fresh.write_all(&file).and_then(|()| fs::rename(&self.fresh, &self.token)).and_then(|()| ended());
        written.inspect_err(|_| {
            // What remains is found above the next time.
            let _ = fs::remove_file(&self.fresh);
        })
    }

    /// Removes a file of the slot that nobody has written for so long. The lock stays.
    pub(super) fn remove(self, path: &Path, unwritten_for: Duration) {
        if is_older(path, unwritten_for) {
            let _ = fs::remove_file(path);
        }
        // No renewal was begun.
        let _ = self.lock.set_modified(SystemTime::UNIX_EPOCH);
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
        let [first, second, ..] = *slot.as_bytes();
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
