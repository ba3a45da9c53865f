//! The directory in which refresh tokens are kept, each until another one replaces it.
//!
//! Unlike an access token, a refresh token that is lost is not given out again: somebody has to consent anew. So whatever is wrong
//! with the directory or with a file in it is an error, nothing is removed, and what is written is on the disk before it counts.

use std::borrow::Borrow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::directory::{check, read_file};
use super::lease::{Lease, Paths};
use super::record::{MAX_RECORD_LEN, Record};
use super::slot::SlotId;
use crate::envelope::MasterKey;
use crate::error::{Code, Error, Warning};

/// How the name of a refresh token's file ends.
const REFRESH: &str = "refresh";

/// The refresh tokens of one user's processes.
///
/// To refresh: [`read`](Self::read), [`try_lease`](Self::try_lease) until the lease is had, **read again**,
/// [`begin`](Self::begin), ask the token endpoint, [`keep`](Self::keep), and only then use the access token.
#[derive(Clone, Debug)]
pub struct RefreshStore {
    directory: PathBuf,
}

impl RefreshStore {
    /// The store in this directory, whatever state that is in.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// When a file last came or went.
    pub fn changed(&self) -> Option<SystemTime> {
        fs::metadata(&self.directory).and_then(|metadata| metadata.modified()).ok()
    }

    /// Why the directory is not used, as it is now.
    pub fn warning(&self) -> Option<Warning> {
        let codes = ["refresh_tokens.missing", "refresh_tokens.owner", "refresh_tokens.permissions"];
        check(&self.directory).err().map(|fault| Warning {
            code: fault.among(codes),
            message: format!("refresh_tokens.directory {}; no refresh token is used", fault.why()),
        })
    }

    /// What has to be done before a master key goes, and what has gone with one. It reads every file.
    pub fn left(&self, master_keys: &[impl Borrow<MasterKey>]) -> Vec<Warning> {
        let (mut old, mut unreadable) = (0, 0);
        // Without any key there is another warning.
        for (slot, path) in self.files().filter(|_| !master_keys.is_empty()) {
            let file = read_file(&path, MAX_RECORD_LEN).ok();
            match file.and_then(|file| Record::open(&file, &slot, master_keys)) {
                Some((0, _)) => {}
                Some(_) => old += 1,
                None => unreadable += 1,
            }
        }
        let of_old = (old > 0).then(|| Warning {
            code: "refresh_tokens.old_key",
            message: format!(
                "{old} of the files in refresh_tokens.directory are sealed with another master key than the first one; it is needed until they are sealed again, with the next refresh of any of them"
            ),
        });
        let of_unreadable = (unreadable > 0).then(|| Warning {
            code: "refresh_tokens.unreadable",
            message: format!(
                "{unreadable} of the files in refresh_tokens.directory cannot be opened with any master key"
            ),
        });
        of_old.into_iter().chain(of_unreadable).collect()
    }

    /// What is kept for the slot. None where nothing ever was; what is there and cannot be opened is an error, for it must not be
    /// replaced by what came before it.
    pub fn read(&self, slot: &SlotId, master_keys: &[impl Borrow<MasterKey>]) -> Result<Option<Record>, Error> {
        Ok(self.open(slot, master_keys)?.map(|(_, record)| record))
    }

    /// Whether a refresh was begun whose answer was never kept.
    pub fn is_begun(&self, slot: &SlotId) -> bool {
        self.paths(slot).fresh(0).exists()
    }

    /// Tries to become the one that refreshes, without waiting. None while another is, and where a refresh was begun less than
    /// `quiet` ago that came to nothing. There are no substitutes: two that sent one token would log everybody out.
    pub fn try_lease(&self, slot: &SlotId, quiet: Duration) -> Result<Option<Lease>, Error> {
        check(&self.directory).map_err(|fault| unavailable(fault.why()))?;
        Lease::take(slot, self.paths(slot), quiet, 0).map_err(|_| unavailable("cannot be written"))
    }

    /// Makes room for the answer and notes that it is asked for, both on the disk.
    pub fn begin(&self, lease: &Lease) -> Result<(), Error> {
        let was_begun = lease.fresh.exists();
        let begun = self.reserve(lease);
        if begun.is_err() && !was_begun {
            self.forget(lease);
        }
        begun.map_err(|_| unavailable("cannot be written; its disk may be full"))
    }

    /// Notes that nothing was asked, or that the refresh token is what it was.
    pub fn forget(&self, lease: &Lease) {
        let _ = fs::remove_file(&lease.fresh);
    }

    /// Keeps this, sealed under the first of the keys, and is done when it is on the disk.
    pub fn keep(&self, lease: &Lease, record: &Record, master_keys: &[impl Borrow<MasterKey>]) -> io::Result<()> {
        lease.check()?;
        let file = master_keys.first().and_then(|key| record.seal(&lease.slot, key.borrow()));
        let file = file.ok_or_else(|| io::Error::other("the refresh token cannot be sealed"))?;
        // Into the room that is reserved.
        let mut fresh = self.fresh(lease)?;
        fresh.write_all(&file)?;
        fresh.set_len(file.len() as u64)?;
        fresh.sync_all()?;
        fs::rename(&lease.fresh, &lease.lasting)?;
        self.sync()?;
        lease.is_over();
        Ok(())
    }

    /// Seals under the first of the keys what others have sealed, so that they can go. What is being refreshed will be.
    pub fn seal_again(&self, master_keys: &[impl Borrow<MasterKey>]) {
        let is_old = |slot: &SlotId| matches!(self.open(slot, master_keys), Ok(Some((1.., _))));
        for (slot, _) in self.files() {
            if is_old(&slot)
                && !self.is_begun(&slot)
                && let Ok(Some(lease)) = self.try_lease(&slot, Duration::ZERO)
            {
                match self.open(&slot, master_keys) {
                    Ok(Some((1.., record))) if self.keep(&lease, &record, master_keys).is_err() => self.forget(&lease),
                    _ => lease.is_over(),
                }
            }
        }
    }

    fn open(&self, slot: &SlotId, master_keys: &[impl Borrow<MasterKey>]) -> Result<Option<(usize, Record)>, Error> {
        check(&self.directory).map_err(|fault| unavailable(fault.why()))?;
        let file = match read_file(&self.paths(slot).lasting, MAX_RECORD_LEN) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(_) => return Err(unavailable("has a file that cannot be read")),
        };
        let sealed_otherwise = || {
            let name = slot.hex();
            unavailable(format_args!(
                "has {name}.{REFRESH}, which no master key opens: put its key back, or remove the file and consent anew"
            ))
        };
        Record::open(&file, slot, master_keys).map(Some).ok_or_else(sealed_otherwise)
    }

    fn reserve(&self, lease: &Lease) -> io::Result<()> {
        lease.check()?;
        let mut fresh = self.fresh(lease)?;
        fresh.write_all(&[0; MAX_RECORD_LEN])?;
        fresh.sync_all()?;
        self.sync()
    }

    /// The file that is being written, at its beginning. What an earlier holder of the lease has begun is gone on with.
    fn fresh(&self, lease: &Lease) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(&lease.fresh)?;
        file.rewind()?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }

    /// Has the names in the directory on the disk.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.directory)?.sync_all()
    }

    fn paths(&self, slot: &SlotId) -> Paths {
        Paths::new(&self.directory, slot, REFRESH)
    }

    fn files(&self) -> impl Iterator<Item = (SlotId, PathBuf)> {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        entries.filter_map(|entry| {
            let path = entry.path();
            Some((slot(&path)?, path))
        })
    }
}

/// Whose file it is, where it is a refresh token's.
fn slot(path: &Path) -> Option<SlotId> {
    let is_ours = path.extension()?.to_str()? == REFRESH;
    SlotId::from_hex(path.file_stem().filter(|_| is_ours)?.to_str()?)
}

/// The store cannot be used, so nothing may be sent.
pub fn unavailable(why: impl std::fmt::Display) -> Error {
    Error::new(Code::RefreshStoreUnavailable, format!("refresh_tokens.directory {why}"))
}
