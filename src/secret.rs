//! The one type that secret bytes live in.

use std::fmt;

use zeroize::Zeroizing;

/// Secret bytes: wiped on drop, and without a form that shows, copies or serialises them.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over. The caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Whether both hold the same bytes, in a time that tells nothing of where they differ.
    pub fn equals(&self, other: &Self) -> bool {
        let difference = |(one, other): (&u8, &u8)| one ^ other;
        self.0.len() == other.0.len() && self.0.iter().zip(&*other.0).map(difference).fold(0, |all, one| all | one) == 0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new(b"s3cr3t".to_vec())), "Secret([redacted])");
    }
}
