//! The directory in which the workers of a host share their tokens.
//!
//! Sharing is a convenience: whatever is wrong with the directory or with a file in it means that a worker asks the token
//! endpoint itself, and never that a call fails. A token is taken from a file only where a master key says that it is this
//! credential's; nothing else in the file or about it is believed.

use std::borrow::Borrow;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::directory::{check, read_file};
use super::lease::{Lease, Paths};
use super::sealed::{self, MAX_FILE_LEN, StoredToken};
use super::slot::SlotId;
use super::sweep::{TOKEN, sweep};
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
        let codes = ["token_cache.missing", "token_cache.owner", "token_cache.permissions"];
        check(&self.directory).err().map(|fault| Warning {
            code: fault.among(codes),
            message: format!("token_cache.directory {}; tokens are not shared", fault.why()),
        })
    }

    /// The slot's token, if one is there that can be sent `now` (Unix seconds): not expired, authentic under one of the
    /// keys, and this slot's. What is absent, damaged or somebody else's is simply not there.
    pub fn read(&self, slot: &SlotId, master_keys: &[impl Borrow<MasterKey>], now: u64) -> Option<StoredToken> {
        check(&self.directory).ok()?;
        let file = read_file(&Paths::new(&self.directory, slot, TOKEN).lasting, MAX_FILE_LEN).ok()?;
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
        check(&self.directory).map_err(|fault| io::Error::other(fault.why()))?;
        Lease::take(slot, Paths::new(&self.directory, slot, TOKEN), quiet, substitutes)
    }

    /// Puts the token of the lease's slot where [`read`](Self::read) finds it, sealed under the first of the keys, and removes
    /// what credentials that are gone have left.
    pub fn write(&self, lease: &Lease, token: &StoredToken, master_keys: &[impl Borrow<MasterKey>]) -> io::Result<()> {
        let file = master_keys.first().and_then(|key| sealed::seal(token, &lease.slot, key.borrow()));
        let written =
            file.ok_or_else(|| io::Error::other("the token cannot be sealed")).and_then(|file| lease.write(&file));
        // Above all where there was no room for it.
        sweep(&self.directory);
        written
    }
}
