//! The name of a credential's place in the token cache.

use sha2::{Digest, Sha256};

use crate::credential::Consent;
use crate::sign::Hash;

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

    /// The place of what this consent has come to, whatever key it is sealed with and whatever the client's secret is by now. Another
    /// consent, which began with another refresh token, has another place.
    ///
    /// The first half tells the identifier. The second is a digest of the client with the first token as its key: whoever
    /// reads the name learns nothing of either, and finds no token by trying.
    pub fn of_consent(identifier: &str, token_url: &str, consent: &Consent) -> Self {
        let parts = [consent.client.id.expose(), token_url.as_bytes()];
        let lengths = parts.map(|part| (part.len() as u64).to_be_bytes());
        let pieces = lengths.iter().zip(parts).flat_map(|(length, part)| [length.as_slice(), part]);
        let digest = Hash::Sha256.mac(&consent.first, pieces);
        let identifier = Sha256::digest(identifier.as_bytes());
        let mut slot = [0; 32];
        let halves = identifier.iter().take(16).chain(digest.expose().iter().take(16));
        slot.iter_mut().zip(halves).for_each(|(byte, half)| *byte = *half);
        Self(slot)
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
    use crate::credential::{Client, ClientAuth};
    use crate::secret::Secret;

    #[test]
    fn identifier_and_envelope_both_count() {
        let slots = [("a", "b"), ("a", "c"), ("ab", ""), ("", "ab"), ("b", "b")]
            .map(|(identifier, envelope)| SlotId::new(identifier, envelope.as_bytes()));
        for (index, slot) in slots.iter().enumerate() {
            assert!(slots.iter().skip(index + 1).all(|other| other != slot), "{index}");
        }
        assert_eq!(SlotId::new("a", b"b"), slots[0]);
    }

    fn consent(id: &str, first: &str) -> Consent {
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        let client = Client { id: secret(id), audience: None, resources: vec![], auth: ClientAuth::Public };
        Consent { client, first: secret(first) }
    }

    #[test]
    fn a_consent_has_one_place_and_another_one_has_another() {
        let slots = [
            ("api", "https://a.example/", "client", "first"),
            ("api", "https://a.example/", "client", "second"),
            ("api", "https://a.example/", "clien", "first"),
            ("api", "thttps://a.example/", "clien", "first"),
            ("other", "https://a.example/", "client", "first"),
        ]
        .map(|(identifier, url, id, first)| SlotId::of_consent(identifier, url, &consent(id, first)).hex());
        for (index, slot) in slots.iter().enumerate() {
            assert!(slots.iter().skip(index + 1).all(|other| other != slot), "{index}");
        }
        assert!(slots[..4].iter().all(|slot| slot[..32] == slots[0][..32]), "one identifier");
        // From another implementation (Python's hashlib and hmac), as below.
        assert_eq!(slots[0], "14c2529eb4498c5d1ffd6915d05bf58a0ff7da610b891ba811ad9732b8fae82f");
        let mut same = consent("client", "first");
        same.client.auth = ClientAuth::Body(Secret::new(b"another secret".to_vec()));
        assert_eq!(SlotId::of_consent("api", "https://a.example/", &same).hex(), slots[0]);
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
