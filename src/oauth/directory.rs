//! A directory in which the processes of one user keep what they share.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::unistd::{AccessFlags, Uid, eaccess};

/// Why a directory is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is not there.
    Missing,
    /// Something else is there.
    NoDirectory,
    /// Its owner is not the process's user.
    Owner,
    /// Group or others can write it.
    Writable,
    /// The process cannot write it.
    ReadOnly,
}

impl Fault {
    /// What it is, behind the name of the directory.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Missing => "does not exist or cannot be reached",
            Self::NoDirectory => "is not a directory",
            Self::Owner => "belongs to another user",
            Self::Writable => "can be written by others than its owner",
            Self::ReadOnly => "cannot be written by its owner",
        }
    }

    /// Which of these it is: what is not there, what is another's, and what has other permissions.
    pub(super) fn among<T>(self, [missing, owner, permissions]: [T; 3]) -> T {
        match self {
            Self::Missing | Self::NoDirectory => missing,
            Self::Owner => owner,
            Self::Writable | Self::ReadOnly => permissions,
        }
    }
}

/// Whoever can write the directory can keep every worker from its lease, and whoever runs as another user would leave files
/// there that the owner cannot open: so it belongs to the process's own user and to nobody else.
pub(super) fn check(directory: &Path) -> Result<(), Fault> {
    let metadata = fs::metadata(directory).map_err(|_| Fault::Missing)?;
    match () {
        () if !metadata.is_dir() => Err(Fault::NoDirectory),
        () if metadata.uid() != Uid::effective().as_raw() => Err(Fault::Owner),
        () if metadata.mode() & 0o022 != 0 => Err(Fault::Writable),
        () => eaccess(directory, AccessFlags::W_OK | AccessFlags::X_OK).map_err(|_| Fault::ReadOnly),
    }
}

/// What a file holds, and at most one byte more than `longest`: one that is too long does not authenticate.
pub(super) fn read_file(path: &Path, longest: usize) -> io::Result<Vec<u8>> {
    // Opening a pipe that nobody writes to would otherwise hang the host.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut contents = Vec::new();
    file.take(longest as u64 + 1).read_to_end(&mut contents)?;
    Ok(contents)
}
