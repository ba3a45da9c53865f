//! A refresh token as it lies in its file, under the marker `SOBREF01`: a byte, 1 for one that serves and 0 for one that the token
//! endpoint has refused, with nothing behind it; when the access token that came with it was issued and when it expires, each as
//! 8 bytes, big-endian, Unix seconds; the length of the refresh token as 4 bytes; the refresh token, and the access token.

use std::borrow::Borrow;

use zeroize::Zeroizing;

use super::block::{BlockForm, OVERHEAD};
use super::sealed::StoredToken;
use super::slot::SlotId;
use crate::envelope::MasterKey;
use crate::secret::Secret;

const FORM: BlockForm = BlockForm { marker: b"SOBREF01", info: b"secure-outbound refresh tokens" };
const REFUSED: u8 = 0;
const SERVES: u8 = 1;
const HEAD_LEN: usize = 21;

/// Bytes of the longest file: both tokens come in one response, which is no longer than 64 KiB.
pub(super) const MAX_RECORD_LEN: usize = OVERHEAD + HEAD_LEN + (64 << 10);

/// What is kept of a consent.
#[derive(Debug)]
pub enum Record {
    /// The refresh token that is to be sent next, and the access token that came last.
    Serves {
        /// The refresh token.
        refresh: Secret,
        /// The access token.
        access: StoredToken,
    },
    /// The token endpoint has refused the refresh token.
    Refused,
}

impl Record {
    /// Seals for one slot. `None` where the tokens are too long or there is no randomness.
    pub(super) fn seal(&self, slot: &SlotId, master_key: &MasterKey) -> Option<Vec<u8>> {
        let mut block = Zeroizing::new(Vec::new());
        match self {
            Self::Refused => block.push(REFUSED),
            Self::Serves { refresh, access } => {
                let (refresh, token) = (refresh.expose(), access.token.expose());
                let longest = HEAD_LEN + refresh.len() + token.len();
                if OVERHEAD + longest > MAX_RECORD_LEN {
                    return None;
                }
                // It never grows, so no copy is left behind.
                block.reserve_exact(longest);
                block.push(SERVES);
                block.extend(access.issued_at.to_be_bytes());
                block.extend(access.expires_at.to_be_bytes());
                block.extend(u32::try_from(refresh.len()).ok()?.to_be_bytes());
                block.extend_from_slice(refresh);
                block.extend_from_slice(token);
            }
        }
        FORM.seal(block, slot, master_key)
    }

    /// Opens with the first key that fits, and says which. `None` for whatever is not this slot's.
    pub(super) fn open(file: &[u8], slot: &SlotId, master_keys: &[impl Borrow<MasterKey>]) -> Option<(usize, Self)> {
        let (key, block) = FORM.open(file, slot, master_keys)?;
        let record = match block.expose().split_first()? {
            (&REFUSED, []) => Self::Refused,
            (&SERVES, rest) => {
                let (issued_at, rest) = rest.split_first_chunk()?;
                let (expires_at, rest) = rest.split_first_chunk()?;
                let (length, rest) = rest.split_first_chunk()?;
                let (refresh, token) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
                let access = StoredToken {
                    token: Secret::new(token.to_vec()),
                    issued_at: u64::from_be_bytes(*issued_at),
                    expires_at: u64::from_be_bytes(*expires_at),
                };
                Self::Serves { refresh: Secret::new(refresh.to_vec()), access }
            }
            _ => return None,
        };
        Some((key, record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> MasterKey {
        MasterKey::new(Secret::new(vec![byte; 32])).expect("32 bytes")
    }

    fn slot() -> SlotId {
        SlotId::new("api", b"")
    }

    fn serves(refresh: &[u8], token: &[u8]) -> Record {
        let access = StoredToken { token: Secret::new(token.to_vec()), issued_at: 1000, expires_at: 4600 };
        Record::Serves { refresh: Secret::new(refresh.to_vec()), access }
    }

    #[test]
    fn what_was_sealed_opens() {
        let file = serves(b"refresh", b"access").seal(&slot(), &key(1)).expect("a file");
        let Some((1, Record::Serves { refresh, access })) = Record::open(&file, &slot(), &[key(2), key(1)]) else {
            panic!("the second key opens it")
        };
        assert_eq!((refresh.expose(), access.token.expose()), (&b"refresh"[..], &b"access"[..]));
        assert_eq!((access.issued_at, access.expires_at), (1000, 4600));
        let file = Record::Refused.seal(&slot(), &key(1)).expect("a file");
        assert!(matches!(Record::open(&file, &slot(), &[key(1)]), Some((0, Record::Refused))));
    }

    #[test]
    fn every_bit_counts_and_every_byte_is_needed() {
        let file = serves(b"r", b"a").seal(&slot(), &key(1)).expect("a file");
        for bit in 0..file.len() * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::open(&changed, &slot(), &[key(1)]).is_none(), "bit {bit}");
        }
        for len in 0..file.len() {
            assert!(Record::open(&file[..len], &slot(), &[key(1)]).is_none(), "{len} bytes");
        }
        for (slot, keys) in [(SlotId::new("other", b""), vec![key(1)]), (slot(), vec![key(2)]), (slot(), vec![])] {
            assert!(Record::open(&file, &slot, &keys).is_none());
        }
    }

    #[test]
    fn both_tokens_have_the_room_of_one_response() {
        let sealed = |len| serves(b"12345", &vec![b'a'; len]).seal(&slot(), &key(1)).map(|file| file.len());
        assert_eq!(sealed((64 << 10) - 5), Some(MAX_RECORD_LEN));
        assert_eq!(sealed((64 << 10) - 4), None);
    }
}
