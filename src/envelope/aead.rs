//! One layer of an envelope: authenticated decryption in libsodium's layout, the tag behind the ciphertext.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit, Nonce, Tag};
use chacha20poly1305::XChaCha20Poly1305;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Bytes of a key, for both algorithms.
pub const KEY_LEN: usize = 32;

/// Bytes that a ciphertext is longer than its plaintext, for both algorithms.
pub const TAG_LEN: usize = 16;

/// The algorithms an envelope can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// XChaCha20-Poly1305 with a nonce of 24 bytes.
    XChaCha20Poly1305,
    /// AES-256-GCM with a nonce of 12 bytes.
    Aes256Gcm,
}

impl Algorithm {
    const ALL: [Self; 2] = [Self::XChaCha20Poly1305, Self::Aes256Gcm];

    /// The algorithm of this name; case counts.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The algorithm whose nonces have this length: all that a version 1 envelope says about its algorithm.
    pub fn from_nonce_len(len: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.nonce_len() == len)
    }

    /// The name in envelopes.
    pub fn name(self) -> &'static str {
        match self {
            Self::XChaCha20Poly1305 => "xchacha20poly1305",
            Self::Aes256Gcm => "aes256gcm",
        }
    }

    /// Bytes of a nonce.
    pub fn nonce_len(self) -> usize {
        match self {
            Self::XChaCha20Poly1305 => 24,
            Self::Aes256Gcm => 12,
        }
    }
}

/// Decrypts one layer. `None` for a key or nonce of the wrong length, and for a tag that does not fit.
pub fn open(algorithm: Algorithm, key: &[u8], nonce: &[u8], associated_data: &[u8], sealed: &[u8]) -> Option<Secret> {
    match algorithm {
        Algorithm::XChaCha20Poly1305 => open_layer::<XChaCha20Poly1305>(key, nonce, associated_data, sealed),
        Algorithm::Aes256Gcm => open_layer::<Aes256Gcm>(key, nonce, associated_data, sealed),
    }
}

fn open_layer<A: AeadInOut + KeyInit>(
    key: &[u8],
    nonce: &[u8],
    associated_data: &[u8],
    sealed: &[u8],
) -> Option<Secret> {
    let cipher = A::new_from_slice(key).ok()?;
    let nonce = Nonce::<A>::try_from(nonce).ok()?;
    let (ciphertext, tag) = sealed.split_at_checked(sealed.len().checked_sub(TAG_LEN)?)?;
    let tag = Tag::<A>::try_from(tag).ok()?;
    // Both ciphers check the tag first and leave the buffer alone when it does not fit.
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    cipher.decrypt_inout_detached(&nonce, associated_data, buffer.as_mut_slice().into(), &tag).ok()?;
    Some(Secret::from(buffer))
}
