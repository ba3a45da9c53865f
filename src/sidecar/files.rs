//! The files of the daemon: nobody but their administrator may be able to change them.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::configuration::invalid;
use super::documents::DaemonFailure;
use crate::error::{Code, Error};

/// No configuration is nearly as long.
const CONFIGURATION_BYTES: u64 = 16 << 20;

/// An envelope is at most this long, as in PHP.
const ENVELOPE_BYTES: u64 = 1 << 20;

/// Written by group or others.
const WRITABLE: u32 = 0o022;

/// Reads the configuration, which belongs to root or to the daemon's own user and is written by nobody else.
pub fn configuration(path: &Path) -> Result<Vec<u8>, Error> {
    let named = |what: &str| invalid(format!("the configuration {} {what}", path.display()));
    let file = File::open(path).map_err(|_| named("cannot be read"))?;
    let about = file.metadata().map_err(|_| named("cannot be read"))?;
    let owners = [0, nix::unistd::geteuid().as_raw()];
    if !about.is_file() || !owners.contains(&about.uid()) || about.mode() & WRITABLE != 0 {
        return Err(named("must be a file of root's or of the daemon's own user, which nobody else can write"));
    }
    read(file, CONFIGURATION_BYTES).ok_or_else(|| named("cannot be read, or is larger than 16 MiB"))
}

/// Whether nobody but root and the daemon's own user can write to a directory.
pub fn is_own_directory(path: &Path) -> bool {
    let owners = [0, nix::unistd::geteuid().as_raw()];
    path.metadata().is_ok_and(|about| about.is_dir() && owners.contains(&about.uid()) && about.mode() & WRITABLE == 0)
}

/// Reads the envelope of a credential from the daemon's directory.
pub fn envelope(directory: Option<&Path>, identifier: &str) -> Result<Vec<u8>, DaemonFailure> {
    let missing = |what: &str| DaemonFailure::no_envelope(identifier, what);
    let directory = directory.ok_or_else(|| missing("the daemon's configuration has no directory of envelopes"))?;
    if !is_file_name(identifier) {
        return Err(missing("the identifier is no plain name of a file"));
    }
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(directory.join(identifier))
        .map_err(|_| missing("its file does not exist, is a link, or cannot be read by the daemon"))?;
    let what = "its file cannot be read, or is larger than 1 MiB";
    let envelope = read(opened, ENVELOPE_BYTES)
        .ok_or_else(|| Error::new(Code::CredentialMalformed, what).of_credential(identifier))?;
    Ok(envelope.trim_ascii().to_vec())
}

/// No slash and no leading dot, as in PHP.
fn is_file_name(identifier: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=255).contains(&identifier.len()) && !identifier.starts_with('.') && identifier.bytes().all(known)
}

fn read(file: File, most: u64) -> Option<Vec<u8>> {
    // An envelope comes in one read.
    let mut bytes = Vec::with_capacity(4096);
    file.take(most + 1).read_to_end(&mut bytes).ok()?;
    u64::try_from(bytes.len()).is_ok_and(|length| length <= most).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_never_leads_out_of_the_directory() {
        for identifier in ["", ".", "..", "../a", "a/b", "/etc/passwd", ".hidden", "a\0b", "a b", "ä"] {
            assert!(!is_file_name(identifier), "{identifier:?}");
        }
        assert!(is_file_name("01937b6e-4b6c-7abc-8def-0123456789ab") && is_file_name("a.b_c"));
        assert!(!is_file_name(&"a".repeat(256)));
    }
}
