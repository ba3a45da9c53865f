//! The directory in which the workers of a host share their tokens.
//!
//! Sharing is a convenience: whatever is wrong with the directory or with a file in it means that a worker asks the token
//! endpoint itself, and never that a call fails. A token is taken from a file only where a master key says that it is this
//! credential's; nothing else in the file or about it is believed.

use std::borrow::Borrow;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::{AccessFlags, Uid, eaccess};

use super::lease::{Lease, Paths};
use super::sealed::{self, MAX_FILE_LEN, StoredToken};
use super::slot::SlotId;
use super::sweep::sweep;
use crate::envelope::MasterKey;
use crate::error::Warning;

/// A shared token cache. It holds no key, no descriptor and no lock, so a forked child uses it as it is, a rotated key
/// counts at once, and a directory that is repaired later works from then on.
///
/// To have a token: [`read`](Self::read); where there is none, or it is due, [`try_lease`](Self::try_lease) until either
/// another's token is there or the lease is had; then **read again**, for another may have renewed in between; only then
/// ask the endpoint, and [`write`](Self::write) before the lease goes.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// The cache in this directory, whatever state that is in: see [`warning`](Self::warning).
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Why the directory is not used, as it is now.
    pub fn warning(&self) -> Option<Warning> {
        check(&self.directory).err().map(|(code, message)| Warning { code, message: message.to_owned() })
    }

    /// The slot's token, if one is there that can be sent `now` (Unix seconds): not expired, authentic under one of the
    /// keys, and this slot's. What is absent, damaged or somebody else's is simply not there.
    pub fn read(&self, slot: &SlotId, master_keys: &[impl Borrow<MasterKey>], now: u64) -> Option<StoredToken> {
        check(&self.directory).ok()?;
        let file = read_file(&Paths::new(&self.directory, slot).token).ok()?;
        sealed::open(&file, slot, master_keys, now)
    }

    /// Tries to become the one that renews the slot's token, without waiting. `None` while another is. An error where there
    /// can be no lease in this directory; then the caller renews for itself alone.
    pub fn try_lease(&self, slot: &SlotId) -> io::Result<Option<Lease>> {
        self.try_lease_among(slot, Duration::ZERO, 0)
    }

    /// The same for a renewal that can wait, because the token still serves: `None` also where a renewal was begun less than
    /// `quiet` ago that has brought no token yet. With `substitutes`, so many may have a lease beside the first one: its holder
    /// may have been stopped.
    pub fn try_lease_among(&self, slot: &SlotId, quiet: Duration, substitutes: u32) -> io::Result<Option<Lease>> {
        check(&self.directory).map_err(|(_, message)| io::Error::other(message))?;
        Lease::take(slot, Paths::new(&self.directory, slot), quiet, substitutes)
    }

    /// Puts the token of the lease's slot where [`read`](Self::read) finds it, sealed under the first of the keys, and removes
    /// what credentials that are gone have left.
    pub fn write(&self, lease: &Lease, token: &StoredToken, master_keys: &[impl Borrow<MasterKey>]) -> io::Result<()> {
        let written = lease.write(token, master_keys);
        // Above all where there was no room for it.
        sweep(&self.directory);
        written
    }
}

/// Whoever can write the directory can keep every worker from its lease, and whoever runs as another user would leave files
/// there that the owner cannot open: so it belongs to the process's own user and to nobody else.
fn check(directory: &Path) -> Result<(), (&'static str, &'static str)> {
    const MISSING: &str = "token_cache.missing";
    const OWNER: &str = "token_cache.owner";
    const PERMISSIONS: &str = "token_cache.permissions";

    let metadata = fs::metadata(directory)
        .map_err(|_| (MISSING, "token_cache.directory does not exist or cannot be reached; tokens are not shared"))?;
    if !metadata.is_dir() {
        return Err((MISSING, "token_cache.directory is not a directory; tokens are not shared"));
    }
    if metadata.uid() != Uid::effective().as_raw() {
        return Err((OWNER, "token_cache.directory belongs to another user; tokens are not shared"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err((
            PERMISSIONS,
            "token_cache.directory can be written by others than its owner; tokens are not shared",
        ));
    }
    eaccess(directory, AccessFlags::W_OK | AccessFlags::X_OK)
        .map_err(|_| (PERMISSIONS, "token_cache.directory cannot be written by its owner; tokens are not shared"))
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe that nobody writes to would otherwise hang the host.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // One byte more tells a file that is too long, which then does not authenticate.
    let mut contents = Vec::new();
    file.take(MAX_FILE_LEN as u64 + 1).read_to_end(&mut contents)?;
    Ok(contents)
}
