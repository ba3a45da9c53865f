//! Reading key material, by the rules of nr-vault's providers.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::{env, fs, io};

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::problem::KeyProblem;
use crate::document::KeySourceSpec;
use crate::envelope::aead::KEY_LEN;
use crate::envelope::base64;
use crate::secret::{LockedSecret, Secret, equal_in_constant_time};

/// No form of a key is nearly as long: a longer file is something else.
const MAX_FILE_LEN: usize = 4096;

const TYPO3_INFO: &[u8] = b"nr-vault-master-key";

/// Where a master key comes from, as the configuration has it.
#[derive(Debug)]
pub struct KeySource(KeySourceSpec);

/// A key as it was loaded.
pub struct Loaded {
    /// The key's 32 bytes.
    pub key: Secret,
    /// Which file it came from, if it came from one.
    pub stamp: Option<Stamp>,
}

/// What tells one state of a key file from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    modified: (i64, i64),
}

impl From<KeySourceSpec> for KeySource {
    fn from(spec: KeySourceSpec) -> Self {
        Self(spec)
    }
}

impl KeySource {
    /// The file that it reads, if it reads one.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            KeySourceSpec::File { path } => Some(path),
            _ => None,
        }
    }

    /// Whether what it reads can change while the process lives.
    pub fn is_external(&self) -> bool {
        matches!(self.0, KeySourceSpec::File { .. } | KeySourceSpec::Env { .. })
    }

    /// Whether both read the same file or the same variable, or hold the same material.
    pub fn is_same(&self, other: &Self) -> bool {
        use KeySourceSpec::{Env, File, Raw, Typo3};

        match (&self.0, &other.0) {
            (File { path: one }, File { path: other }) => one == other,
            (Env { name: one }, Env { name: other }) => one == other,
            (Typo3 { encryption_key: one }, Typo3 { encryption_key: other })
            | (Raw { key_base64: one }, Raw { key_base64: other }) => {
                equal_in_constant_time(one.expose(), other.expose())
            }
            _ => false,
        }
    }

    /// Whether the material in it, if there is any, is kept out of swap space.
    pub fn is_locked(&self) -> bool {
        self.material().is_none_or(LockedSecret::is_locked)
    }

    /// Locks the material in it for this process, which inherited it.
    pub fn lock(&self) {
        self.material().into_iter().for_each(LockedSecret::lock);
    }

    fn material(&self) -> Option<&LockedSecret> {
        match &self.0 {
            KeySourceSpec::File { .. } | KeySourceSpec::Env { .. } => None,
            KeySourceSpec::Typo3 { encryption_key: material } | KeySourceSpec::Raw { key_base64: material } => {
                Some(material)
            }
        }
    }

    /// Reads the key.
    pub fn load(&self) -> Result<Loaded, KeyProblem> {
        let key = match &self.0 {
            KeySourceSpec::File { path } => return load_file(path),
            KeySourceSpec::Env { name } => from_variable(env::var_os(name).unwrap_or_default().into_vec())?,
            KeySourceSpec::Typo3 { encryption_key } => {
                derive(encryption_key.expose()).ok_or(KeyProblem::EncryptionKeyTooShort)?
            }
            KeySourceSpec::Raw { key_base64 } => from_base64(key_base64.expose()).ok_or(KeyProblem::RawNotAKey)?,
        };
        Ok(Loaded { key, stamp: None })
    }
}

impl Stamp {
    /// The stamp of what lies there now, for comparison with that of what was read.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }
}

impl From<&fs::Metadata> for Stamp {
    fn from(metadata: &fs::Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino(), modified: (metadata.mtime(), metadata.mtime_nsec()) }
    }
}

fn load_file(path: &Path) -> Result<Loaded, KeyProblem> {
    let problem = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => KeyProblem::FileMissing,
        _ => KeyProblem::FileUnreadable,
    };
    // Opening a pipe that nobody writes to would otherwise hang the host.
    let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(problem)?;
    // Taken from the open file and before reading: a change from here on makes the next stamp differ.
    let metadata = file.metadata().map_err(problem)?;
    if !metadata.is_file() {
        return Err(KeyProblem::FileUnreadable);
    }
    let contents = read_limited(&mut file).map_err(problem)?.ok_or(KeyProblem::FileNotAKey)?;
    let key = from_file(&contents).ok_or(KeyProblem::FileNotAKey)?;
    Ok(Loaded { key, stamp: Some(Stamp::from(&metadata)) })
}

/// The whole of a short file, in a buffer that never grows and so leaves no copy behind.
fn read_limited(file: &mut File) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut buffer = Zeroizing::new(vec![0; MAX_FILE_LEN + 1]);
    let mut filled = 0;
    while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
        match file.read(free) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok((filled <= MAX_FILE_LEN).then_some(buffer))
}

/// The trimmed text is the key where it has 32 bytes, else its base64. Where it is neither, the white space may belong to
/// the key.
fn from_file(contents: &[u8]) -> Option<Secret> {
    let trimmed = trim(contents);
    from_bytes(trimmed).or_else(|| from_base64(trimmed)).or_else(|| from_bytes(contents))
}

/// A variable is not trimmed, though base64 skips white space.
fn from_variable(value: Vec<u8>) -> Result<Secret, KeyProblem> {
    let value = Zeroizing::new(value);
    if value.is_empty() {
        return Err(KeyProblem::VariableMissing);
    }
    from_bytes(&value).or_else(|| from_base64(&value)).ok_or(KeyProblem::VariableNotAKey)
}

fn from_bytes(bytes: &[u8]) -> Option<Secret> {
    (bytes.len() == KEY_LEN).then(|| Secret::new(bytes.to_vec()))
}

fn from_base64(text: &[u8]) -> Option<Secret> {
    base64::decode(text).filter(|bytes| bytes.len() == KEY_LEN).map(Secret::from)
}

/// The encryption key counts as the text it is: its hexadecimal digits are not decoded.
fn derive(encryption_key: &[u8]) -> Option<Secret> {
    if encryption_key.len() < KEY_LEN {
        return None;
    }
    let mut key = Zeroizing::new(vec![0; KEY_LEN]);
    Hkdf::<Sha256>::new(None, encryption_key).expand(TYPO3_INFO, &mut key).ok()?;
    Some(Secret::from(key))
}

/// PHP's `trim`.
fn trim(mut bytes: &[u8]) -> &[u8] {
    const BLANK: &[u8] = b" \t\n\r\0\x0b";
    while let [rest @ .., last] = bytes
        && BLANK.contains(last)
    {
        bytes = rest;
    }
    while let [first, rest @ ..] = bytes
        && BLANK.contains(first)
    {
        bytes = rest;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

    fn bytes() -> Vec<u8> {
        (0..32).collect()
    }

    fn exposed(key: Option<Secret>) -> Option<Vec<u8>> {
        key.map(|key| key.expose().to_vec())
    }

    #[test]
    fn file_forms() {
        let padded = [b"\t ", TEXT, b"\r\n\0\x0b"].concat();
        let raw = b"0123456789abcdef0123456789abcdef";
        let with_newline = [raw.as_slice(), b"\n"].concat();
        // Both ends of these 32 bytes are white space to `trim`.
        let blank_ends = bytes().iter().map(|byte| if *byte == 31 { 0 } else { *byte }).collect::<Vec<_>>();
        assert_eq!(exposed(from_file(TEXT)), Some(bytes()));
        assert_eq!(exposed(from_file(&padded)), Some(bytes()));
        assert_eq!(exposed(from_file(raw)), Some(raw.to_vec()));
        assert_eq!(exposed(from_file(&with_newline)), Some(raw.to_vec()));
        assert_eq!(exposed(from_file(&blank_ends)), Some(blank_ends.clone()));
        assert_eq!(exposed(from_file(&b"00".repeat(32))), None, "64 hexadecimal digits are no key");
        assert_eq!(exposed(from_file(b"")), None);
    }

    #[test]
    fn variable_forms() {
        assert_eq!(exposed(from_variable([TEXT, b"\n"].concat()).ok()), Some(bytes()));
        assert_eq!(exposed(from_variable(bytes()).ok()), Some(bytes()));
        assert_eq!(from_variable(Vec::new()).err(), Some(KeyProblem::VariableMissing));
        let untrimmed = [bytes().as_slice(), b"\n"].concat();
        assert_eq!(from_variable(untrimmed).err(), Some(KeyProblem::VariableNotAKey));
    }

    #[test]
    fn typo3_key_is_derived_from_the_text() {
        let key = exposed(derive(&b"a".repeat(96)));
        assert_eq!(
            key.as_deref(),
            base64::decode(b"ZOTLB3vslM4ZEKydz2kuiJkzueVZPsB7i9yEcYqaJPM=").as_deref().map(Vec::as_slice)
        );
        assert!(derive(&b"a".repeat(31)).is_none());
    }
}
