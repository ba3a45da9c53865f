//! A token as it lies in its file, under the marker `SOBTOK01`: when the token was issued and when it expires, each as 8 bytes,
//! big-endian, Unix seconds, then the token.

use std::borrow::Borrow;

use zeroize::Zeroizing;

use super::block::{BlockForm, OVERHEAD};
use super::slot::SlotId;
use crate::envelope::MasterKey;
use crate::secret::Secret;

const FORM: BlockForm = BlockForm { marker: b"SOBTOK01", info: b"secure-outbound token cache" };
const TIMES_LEN: usize = 16;

/// Bytes of the longest token that is shared. No header that a server takes holds a longer one.
pub(super) const MAX_TOKEN_LEN: usize = 64 << 10;

/// Bytes of the longest file.
pub(super) const MAX_FILE_LEN: usize = OVERHEAD + TIMES_LEN + MAX_TOKEN_LEN;

/// An access token with its times, in Unix seconds. A forced renewal knows a rejected token again by `token`.
#[derive(Debug)]
pub struct StoredToken {
    /// The access token.
    pub token: Secret,
    /// When the token endpoint gave it.
    pub issued_at: u64,
    /// From when on it is not sent any more.
    pub expires_at: u64,
}

impl StoredToken {
    /// Whether it is one that may be sent now. A token from the future was stored before the clock was set back, and
    /// nobody knows how much longer it lives.
    fn is_current(&self, now: u64) -> bool {
        (self.issued_at..self.expires_at).contains(&now)
    }
}

/// Seals for one slot. `None` where the token is too long or there is no randomness.
pub(super) fn seal(token: &StoredToken, slot: &SlotId, master_key: &MasterKey) -> Option<Vec<u8>> {
    let secret = token.token.expose();
    if secret.len() > MAX_TOKEN_LEN {
        return None;
    }
    let mut block = Zeroizing::new(Vec::with_capacity(TIMES_LEN + secret.len()));
    block.extend(token.issued_at.to_be_bytes());
    block.extend(token.expires_at.to_be_bytes());
    block.extend_from_slice(secret);
    FORM.seal(block, slot, master_key)
}

/// Opens with the first key that fits. `None` for whatever is no current token of this slot.
pub(super) fn open(
    file: &[u8],
    slot: &SlotId,
    master_keys: &[impl Borrow<MasterKey>],
    now: u64,
) -> Option<StoredToken> {
    let (_, block) = FORM.open(file, slot, master_keys)?;
    let (issued_at, rest) = block.expose().split_first_chunk()?;
    let (expires_at, token) = rest.split_first_chunk()?;
    let token = StoredToken {
        token: Secret::new(token.to_vec()),
        issued_at: u64::from_be_bytes(*issued_at),
        expires_at: u64::from_be_bytes(*expires_at),
    };
    token.is_current(now).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::envelope::aead::KEY_LEN;

    const TOKEN: &[u8] = b"2YotnFZFEjr1zCsicMWpAA";

    fn key(byte: u8) -> MasterKey {
        MasterKey::new(Secret::new(vec![byte; KEY_LEN])).expect("32 bytes")
    }

    fn token() -> StoredToken {
        StoredToken { token: Secret::new(TOKEN.to_vec()), issued_at: 1000, expires_at: 4600 }
    }

    fn slot() -> SlotId {
        SlotId::new("api", b"nrv1:e30=")
    }

    fn sealed() -> Vec<u8> {
        seal(&token(), &slot(), &key(1)).expect("a file")
    }

    fn opens(file: &[u8], slot: &SlotId, keys: &[MasterKey], now: u64) -> bool {
        open(file, slot, keys, now).is_some()
    }

    #[test]
    fn what_was_sealed_opens() {
        let opened = open(&sealed(), &slot(), &[key(1)], 1000).expect("the token");
        assert_eq!((opened.token.expose(), opened.issued_at, opened.expires_at), (TOKEN, 1000, 4600));
    }

    #[test]
    fn only_within_its_times() {
        let at = |now| opens(&sealed(), &slot(), &[key(1)], now);
        assert_eq!([0, 999, 1000, 4599, 4600, u64::MAX].map(at), [false, false, true, true, false, false]);
    }

    #[test]
    fn every_bit_counts() {
        let file = sealed();
        for bit in 0..file.len() * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!opens(&changed, &slot(), &[key(1)], 1000), "bit {bit}");
        }
    }

    #[test]
    fn every_byte_is_needed() {
        let file = sealed();
        for len in 0..file.len() {
            assert!(!opens(&file[..len], &slot(), &[key(1)], 1000), "{len} bytes");
        }
        assert!(!opens(&[file, vec![0]].concat(), &slot(), &[key(1)], 1000), "one byte more");
    }

    #[test]
    fn of_this_slot_only() {
        assert!(!opens(&sealed(), &SlotId::new("api", b"nrv1:another"), &[key(1)], 1000));
    }

    #[test]
    fn any_of_the_keys_may_read() {
        assert!(opens(&sealed(), &slot(), &[key(2), key(1)], 1000));
        assert!(!opens(&sealed(), &slot(), &[key(2), key(3)], 1000));
        assert!(!opens(&sealed(), &slot(), &[], 1000));
    }

    #[test]
    fn no_two_files_have_one_nonce() {
        let nonces: std::collections::BTreeSet<_> = (0..100).map(|_| sealed()[8..32].to_vec()).collect();
        assert_eq!(nonces.len(), 100);
    }

    #[test]
    fn a_token_that_no_header_holds_is_not_stored() {
        let sealed = |len| {
            let token = StoredToken { token: Secret::new(vec![b'a'; len]), ..token() };
            seal(&token, &slot(), &key(1)).map(|file| file.len())
        };
        assert_eq!(sealed(MAX_TOKEN_LEN), Some(MAX_FILE_LEN));
        assert_eq!(sealed(MAX_TOKEN_LEN + 1), None);
    }
}
