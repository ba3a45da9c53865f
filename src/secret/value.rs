//! Secret bytes for the time of a call.

use std::fmt;

use zeroize::Zeroizing;

use super::lacks::lacks;

/// Secret bytes: wiped on drop, and without a form that shows, copies or serialises them.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over. The caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for as long as the borrow lasts.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

lacks!(Secret: Clone, fmt::Display, serde::Serialize, AsRef<[u8]>, std::ops::Deref, PartialEq, std::hash::Hash);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new(b"s3cr3t".to_vec())), "Secret([redacted])");
    }
}
