//! Master keys: where they come from, and the ring that keeps them.

mod entry;
mod ring;
mod source;

pub use entry::KeyEntry;
pub use ring::{Keyring, Warning};
pub use source::{KeyProblem, KeySource, Loaded, Stamp};

use std::fmt;

use crate::envelope::aead::KEY_LEN;
use crate::secret::{Kept, Secret, same};

/// A master key: exactly 32 bytes, kept out of swap space and core dumps, wiped on drop.
pub struct MasterKey(Kept);

impl MasterKey {
    /// Takes the bytes over, if they are 32.
    pub fn new(bytes: Secret) -> Option<Self> {
        (bytes.expose().len() == KEY_LEN).then(|| Self(Kept::new(bytes)))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    fn is(&self, bytes: &Secret) -> bool {
        same(self.0.expose(), bytes.expose())
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}
