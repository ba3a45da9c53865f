//! Keys that sign.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use zeroize::Zeroizing;

use super::pem::{self, KeyForm, unusable};
use crate::error::{Code, Error};
use crate::secret::Secret;

/// How a key signs (RFC 7518 section 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256 and a salt of 32 bytes.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl SigningAlgorithm {
    /// The algorithm of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Rs256, Self::Ps256, Self::Es256].into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Its name in a header's `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
        }
    }
}

/// A parsed private key, which signs in one way. Its numbers are wiped when it goes.
pub struct SigningKey {
    algorithm: SigningAlgorithm,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl SigningKey {
    /// Parses a key in PEM. One of another kind than the algorithm's is refused, one that is too short, and one whose numbers do not
    /// belong together.
    pub fn read(text: &Secret, algorithm: SigningAlgorithm) -> Result<Self, Error> {
        let (form, der) = pem::decode(text)?;
        let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = match (algorithm, form) {
            (SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256, KeyForm::Pkcs8) => {
                RsaKeyPair::from_pkcs8(der.expose()).ok().map(Pair::Rsa)
            }
            (SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256, KeyForm::Pkcs1) => {
                RsaKeyPair::from_der(der.expose()).ok().map(Pair::Rsa)
            }
            (SigningAlgorithm::Es256, KeyForm::Pkcs8) => {
                EcdsaKeyPair::from_pkcs8(curve, der.expose()).ok().map(Pair::Ecdsa)
            }
            (SigningAlgorithm::Es256, KeyForm::Sec1) => {
                EcdsaKeyPair::from_private_key_der(curve, der.expose()).ok().map(Pair::Ecdsa)
            }
            (SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256, KeyForm::Sec1)
            | (SigningAlgorithm::Es256, KeyForm::Pkcs1) => None,
        };
        let wanted = match algorithm {
            SigningAlgorithm::Rs256 => "RS256 needs a whole RSA key of 2048 to 8192 bits",
            SigningAlgorithm::Ps256 => "PS256 needs a whole RSA key of 2048 to 8192 bits",
            SigningAlgorithm::Es256 => "ES256 needs a whole key of the curve P-256",
        };
        pair.map(|pair| Self { algorithm, pair }).ok_or_else(|| unusable(wanted))
    }

    /// The algorithm that it was read for.
    pub fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The signature of a message: of RSA as long as the key, of P-256 both numbers with 32 bytes each.
    pub fn sign(&self, message: &[u8]) -> Result<Secret, Error> {
        let random = SystemRandom::new();
        let padding = if self.algorithm == SigningAlgorithm::Ps256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
        let signed = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = Zeroizing::new(vec![0; pair.public_modulus_len()]);
                pair.sign(padding, &random, message, &mut signature).map(|()| Secret::from(signature))
            }
            Pair::Ecdsa(pair) => pair.sign(&random, message).map(|signature| Secret::new(signature.as_ref().to_vec())),
        };
        signed.map_err(|_| Error::new(Code::CredentialUnusable, "its private key does not sign"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, algorithm: SigningAlgorithm) -> Result<SigningKey, Error> {
        let file = format!("{}/tests/vectors/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
        SigningKey::read(&Secret::new(std::fs::read(file).expect("a file")), algorithm)
    }

    #[test]
    fn a_key_signs_in_the_way_of_its_kind_only() {
        for (name, algorithm) in [
            ("rsa-pkcs1", SigningAlgorithm::Rs256),
            ("rsa-pkcs8", SigningAlgorithm::Rs256),
            ("rsa-pkcs8", SigningAlgorithm::Ps256),
            ("p256-sec1", SigningAlgorithm::Es256),
            ("p256-pkcs8", SigningAlgorithm::Es256),
        ] {
            let other = match algorithm {
                SigningAlgorithm::Es256 => SigningAlgorithm::Ps256,
                SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => SigningAlgorithm::Es256,
            };
            assert_eq!(read(name, algorithm).ok().map(|key| key.algorithm()), Some(algorithm), "{name}");
            let refused = read(name, other).err().expect("refused");
            assert_eq!(refused.code, Code::PayloadInvalid, "{name}");
            assert!(refused.message.contains(other.name()), "{name}: {refused}");
        }
    }

    #[derive(serde::Deserialize)]
    struct Group {
        bits: usize,
        is_valid: bool,
        key: String,
        tests: Vec<(String, String)>,
    }

    /// Wycheproof's sets for the generation of signatures, which there are for PKCS#1 alone: the others are random.
    #[test]
    fn wycheproof_rsa_generation() {
        let bytes = |hex: &str| -> Vec<u8> {
            let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("digits");
            (0..hex.len()).step_by(2).map(digits).collect()
        };
        let groups: Vec<Group> =
            serde_json::from_str(include_str!("../../tests/vectors/rsa_sig_gen.json")).expect("JSON");
        let mut seen = [0, 0];
        for group in groups {
            let key = SigningKey::read(&Secret::new(group.key.into_bytes()), SigningAlgorithm::Rs256);
            // What is acceptable may be refused, and what is signed with it is right.
            let Some(key) = key.ok() else {
                assert!(!group.is_valid, "a key of {} bits is refused", group.bits);
                continue;
            };
            for (message, expected) in &group.tests {
                let made = key.sign(&bytes(message)).expect("signs");
                assert_eq!(made.expose(), bytes(expected), "{} bits, message {message}", group.bits);
                seen[usize::from(group.is_valid)] += 1;
            }
        }
        assert_eq!(seen[1], 24, "{seen:?}");
    }

    #[test]
    fn a_weak_key_and_another_curve_are_refused() {
        for (name, algorithm, why) in
            [("rsa-1024", SigningAlgorithm::Rs256, "2048 to 8192 bits"), ("p384", SigningAlgorithm::Es256, "P-256")]
        {
            let refused = read(name, algorithm).err().expect("refused");
            assert!(refused.message.contains(why), "{refused}");
        }
    }
}
