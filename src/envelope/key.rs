//! The key that opens envelopes.

use std::fmt;

use super::aead::KEY_LEN;
use crate::secret::{LockedSecret, Secret, equal_in_constant_time, lacks};

/// A master key: exactly 32 bytes, kept out of swap space and core dumps, wiped on drop.
pub struct MasterKey(LockedSecret);

impl MasterKey {
    /// Takes the bytes over, if they are 32.
    pub fn new(bytes: Secret) -> Option<Self> {
        (bytes.expose().len() == KEY_LEN).then(|| Self(LockedSecret::new(bytes)))
    }

    pub(crate) fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// Whether these are its bytes.
    pub(crate) fn is(&self, bytes: &Secret) -> bool {
        equal_in_constant_time(self.0.expose(), bytes.expose())
    }

    /// Whether this process keeps it out of swap space and core dumps.
    pub(crate) fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// Locks its memory for this process, which inherited it.
    pub(crate) fn lock(&self) {
        self.0.lock();
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([redacted])")
    }
}

lacks!(MasterKey: Clone, fmt::Display, serde::Serialize, AsRef<[u8]>, std::ops::Deref, PartialEq);
