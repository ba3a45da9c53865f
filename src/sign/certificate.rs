//! Client certificates: a chain, and the key to its first one, which signs in handshakes of TLS.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

use super::pem::{self, KeyForm, unusable};
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::sys::wiped;

/// How keys sign in a handshake, the strongest first.
const SCHEMES: [SignatureScheme; 10] = [
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PKCS1_SHA512,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA256,
];

/// Tells one chain with its key from another without a copy of either. It is a digest of the key, so nothing prints it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CertificateId([u8; 32]);

impl CertificateId {
    /// The digest itself.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A client certificate as it was sealed. Its key stays the text that it was, and is parsed for each signature.
pub struct ClientCertificate {
    private_key: Secret,
    chain: Vec<CertificateDer<'static>>,
    id: CertificateId,
}

/// What a key can do, which is nothing secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAbilities {
    /// What it is.
    pub algorithm: SignatureAlgorithm,
    /// How it signs, the strongest first.
    pub schemes: Vec<SignatureScheme>,
}

impl ClientCertificate {
    /// A key in PEM, and the chain that goes with it, the key's own certificate first: blocks of nothing else. `None` where that
    /// is no chain. The key is read where it is needed.
    pub fn read(private_key: Secret, chain: &str) -> Option<Self> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().ok()?;
        if certificates.is_empty() || certificates.len() != chain.matches("-----BEGIN ").count() {
            return None;
        }
        // The key counts as well: whoever has the certificate alone must not be taken for its owner.
        let mut digest = Context::new(&SHA256);
        for part in certificates.iter().map(AsRef::as_ref).chain([private_key.expose()]) {
            digest.update(&(part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut id = [0; 32];
        id.copy_from_slice(digest.finish().as_ref());
        Some(Self { private_key, chain: certificates, id: CertificateId(id) })
    }

    /// What is shown to servers.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// What tells it from others.
    pub fn id(&self) -> CertificateId {
        self.id
    }

    /// Whether the key is empty.
    pub fn is_empty(&self) -> bool {
        self.private_key.expose().is_empty()
    }

    /// Refuses a key that cannot sign, and one that is not the certificate's.
    pub fn check(&self) -> Result<KeyAbilities, Error> {
        wiped(|| {
            let pair = CertifiedKey::new(self.chain.clone(), self.parsed()?);
            pair.keys_match().map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    unusable("it is not the key of the first certificate in certificate_chain")
                }
                _ => Error::new(Code::PayloadInvalid, "the first certificate in certificate_chain cannot be read"),
            })?;
            let can = |scheme: &SignatureScheme| pair.key.choose_scheme(&[*scheme]).is_some();
            Ok(KeyAbilities { algorithm: pair.key.algorithm(), schemes: SCHEMES.into_iter().filter(can).collect() })
        })
    }

    /// The signature of a handshake. The numbers of the key are wiped before this returns.
    pub fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        wiped(|| {
            let signer = self.parsed()?.choose_scheme(&[scheme]);
            signer.and_then(|signer| signer.sign(message).ok()).ok_or_else(|| unusable("it does not sign"))
        })
    }

    fn parsed(&self) -> Result<Arc<dyn SigningKey>, Error> {
        let (form, der) = pem::decode(&self.private_key)?;
        let der = match form {
            KeyForm::Pkcs8 => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der.expose())),
            KeyForm::Pkcs1 => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der.expose())),
            KeyForm::Sec1 => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der.expose())),
        };
        any_supported_type(&der)
            .ok()
            .filter(|key| SCHEMES.iter().any(|scheme| key.choose_scheme(&[*scheme]).is_some()))
            .ok_or_else(|| {
                unusable("TLS needs a whole RSA key of 2048 to 8192 bits, or one of P-256, P-384, P-521 or Ed25519")
            })
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate([redacted])")
    }
}
