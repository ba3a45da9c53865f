//! The name of a credential's place in the token cache.

use sha2::{Digest, Sha256};

/// The place of one credential: SHA-256 of its identifier and of its envelope's digest. A rotated credential has another
/// envelope and so another place, and never meets the old one's token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SlotId([u8; 32]);

impl SlotId {
    /// The place of the credential with this identifier and this envelope, as it was handed in.
    pub fn new(identifier: &str, envelope: &[u8]) -> Self {
        let mut digest = Sha256::new();
        // The lengths keep the end of one part from passing for the start of the next.
        for part in [identifier.as_bytes(), &Sha256::digest(envelope)] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// The place of the files with this name.
    pub fn from_hex(name: &str) -> Option<Self> {
        let digits = name.as_bytes();
        let mut digest = [0; 32];
        if digits.len() != 2 * digest.len() {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        // One name for each place: no upper case, no sign.
        Some(Self(digest)).filter(|slot| slot.hex() == name)
    }

    /// The digest itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its hexadecimal digits: 64, a file's name.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifier_and_envelope_both_count() {
        let slots = [("a", "b"), ("a", "c"), ("ab", ""), ("", "ab"), ("b", "b")]
            .map(|(identifier, envelope)| SlotId::new(identifier, envelope.as_bytes()));
        for (index, slot) in slots.iter().enumerate() {
            assert!(slots.iter().skip(index + 1).all(|other| other != slot), "{index}");
        }
        assert_eq!(SlotId::new("a", b"b"), slots[0]);
    }

    /// From another implementation (Python's hashlib): files of one version are found again by the next.
    #[test]
    fn the_name_stays_what_it_is() {
        let name = SlotId::new("api_token", b"nrv1:e30=").hex();
        assert_eq!(name, "8397293f75b28a420cad327447545d0e21aa24a5a3c3282d70f95d9219a0c2d8");
        assert_eq!(SlotId::from_hex(&name), Some(SlotId::new("api_token", b"nrv1:e30=")));
        for other in
            ["", "00", &name.to_uppercase(), &name.replace("83", "+8"), &format!("{name}00"), &"\u{e4}".repeat(32)]
        {
            assert_eq!(SlotId::from_hex(other), None, "{other}");
        }
    }
}
