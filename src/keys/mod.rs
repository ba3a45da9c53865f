//! Master keys: where they come from, and the ring that keeps them.

mod entry;
mod ring;
mod source;

pub use entry::KeyEntry;
pub use ring::{Keyring, Warning};
pub use source::{KeyProblem, KeySource, Loaded, Stamp};

use std::fmt;

use crate::envelope::aead::KEY_LEN;
use crate::secret::Secret;

/// A master key: exactly 32 bytes, wiped on drop.
pub struct MasterKey(Secret);

impl MasterKey {
    /// Takes the bytes over, if they are 32.
    pub fn new(bytes: Secret) -> Option<Self> {
        (bytes.expose().len() == KEY_LEN).then_some(Self(bytes))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}
