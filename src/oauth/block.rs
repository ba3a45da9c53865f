//! What lies in a file of the token cache or of the refresh tokens: one authenticated block that only a holder of the master key can
//! read or make.
//!
//! A marker of 8 bytes, a nonce of 24, and the block under XChaCha20-Poly1305. The marker and the slot are the associated data, so that
//! neither a file of another slot nor one of another version or use passes.

use std::borrow::Borrow;

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit, Nonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::slot::SlotId;
use crate::envelope::MasterKey;
use crate::envelope::aead::{self, Algorithm, KEY_LEN, TAG_LEN};
use crate::secret::Secret;
use crate::sys::random;

const MARKER_LEN: usize = 8;
const NONCE_LEN: usize = 24;

/// Bytes that a file is longer than its block.
pub(super) const OVERHEAD: usize = MARKER_LEN + NONCE_LEN + TAG_LEN;

/// One use of sealed files.
pub(super) struct BlockForm {
    /// How they begin.
    pub(super) marker: &'static [u8; MARKER_LEN],
    /// The key in the files is derived with this and not the master key itself, which so has a single use.
    pub(super) info: &'static [u8],
}

impl BlockForm {
    /// Seals for one slot. `None` where there is no randomness.
    pub(super) fn seal(&self, mut block: Zeroizing<Vec<u8>>, slot: &SlotId, master_key: &MasterKey) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        random::fill(&mut nonce)?;
        let cipher = XChaCha20Poly1305::new_from_slice(self.derive(master_key)?.expose()).ok()?;
        let nonce = Nonce::<XChaCha20Poly1305>::from(nonce);
        let tag =
            cipher.encrypt_inout_detached(&nonce, &self.associated_data(slot), block.as_mut_slice().into()).ok()?;
        Some([self.marker, nonce.as_slice(), &block, &tag].concat())
    }

    /// Opens with the first key that fits, and says which. `None` for whatever is not this slot's.
    pub(super) fn open(
        &self,
        file: &[u8],
        slot: &SlotId,
        master_keys: &[impl Borrow<MasterKey>],
    ) -> Option<(usize, Secret)> {
        let (nonce, sealed) = file.strip_prefix(self.marker)?.split_at_checked(NONCE_LEN)?;
        let associated_data = self.associated_data(slot);
        master_keys.iter().enumerate().find_map(|(index, key)| {
            let key = self.derive(key.borrow())?;
            let block = aead::open(Algorithm::XChaCha20Poly1305, key.expose(), nonce, &associated_data, sealed)?;
            Some((index, block))
        })
    }

    fn associated_data(&self, slot: &SlotId) -> Vec<u8> {
        [self.marker.as_slice(), slot.as_bytes()].concat()
    }

    fn derive(&self, master_key: &MasterKey) -> Option<Secret> {
        let mut key = Zeroizing::new(vec![0; KEY_LEN]);
        Hkdf::<Sha256>::new(None, master_key.expose()).expand(self.info, &mut key).ok()?;
        Some(Secret::from(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: BlockForm = BlockForm { marker: b"SOTEST01", info: b"a test" };

    #[test]
    fn the_master_key_itself_does_not_open_it() {
        let (slot, key) = (SlotId::new("api", b"nrv1:e30="), MasterKey::new(Secret::new(vec![1; KEY_LEN])));
        let key = key.expect("32 bytes");
        let file = FORM.seal(Zeroizing::new(b"block".to_vec()), &slot, &key).expect("a file");
        assert_eq!(file.len(), OVERHEAD + b"block".len());
        let (nonce, block) = file[MARKER_LEN..].split_at(NONCE_LEN);
        let opened = |key: &[u8]| {
            aead::open(Algorithm::XChaCha20Poly1305, key, nonce, &FORM.associated_data(&slot), block).is_some()
        };
        assert!(opened(FORM.derive(&key).expect("a key").expose()));
        assert!(!opened(&[1; KEY_LEN]));
        let other = BlockForm { marker: FORM.marker, info: b"another use" };
        assert!(other.open(&file, &slot, &[key]).is_none());
    }
}
