//! Who a client is to a server that asks for a certificate.

use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use rustls::client::ResolvesClientCert;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{OtherError, SignatureAlgorithm, SignatureScheme};

use crate::error::{Code, Error};
use crate::sign::{CertificateId, ClientCertificate, KeyAbilities};
use crate::sys::lock;

/// A certificate that is shown, without its key: that stays with the calls that have opened it, and is asked for in each handshake.
/// So a connection that is kept has none, and one that goes on being made when its call has ended gets none.
pub struct Identity {
    id: CertificateId,
    shown: Arc<CertifiedKey>,
    lent: Arc<LentKey>,
}

impl Identity {
    /// Refuses a key that is not the certificate's.
    pub fn of(certificate: &Arc<ClientCertificate>) -> Result<Self, Error> {
        let abilities = certificate.check()?;
        let lent = Arc::new(LentKey { abilities, holders: Mutex::default() });
        let key = BorrowedKey(Arc::clone(&lent));
        let shown = Arc::new(CertifiedKey::new(certificate.chain().to_vec(), Arc::new(key)));
        Ok(Self { id: certificate.id(), shown, lent })
    }

    /// Whether it is this certificate with this key.
    pub fn is(&self, id: CertificateId) -> bool {
        self.id == id
    }

    /// Lets handshakes use the key for as long as its call has it.
    pub fn lend(&self, certificate: &Arc<ClientCertificate>) {
        let mut holders = lock(&self.lent.holders);
        holders.retain(|holder| holder.strong_count() > 0);
        holders.push(Arc::downgrade(certificate));
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl ResolvesClientCert for Identity {
    /// Whatever issuers a server names: which certificate it takes is for it to say.
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let is_possible = self.lent.abilities.schemes.iter().any(|scheme| schemes.contains(scheme));
        is_possible.then(|| Arc::clone(&self.shown))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// What a key can do, and who has it.
struct LentKey {
    abilities: KeyAbilities,
    holders: Mutex<Vec<Weak<ClientCertificate>>>,
}

impl LentKey {
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        let holder = lock(&self.holders).iter().find_map(Weak::upgrade);
        let gone = || Error::new(Code::CredentialUnusable, "the call that had the certificate's key has ended");
        holder.ok_or_else(gone)?.sign(scheme, message)
    }
}

/// The key as rustls sees it.
struct BorrowedKey(Arc<LentKey>);

impl SigningKey for BorrowedKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = self.0.abilities.schemes.iter().copied().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(BorrowedSigner { key: Arc::clone(&self.0), scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.abilities.algorithm
    }
}

struct BorrowedSigner {
    key: Arc<LentKey>,
    scheme: SignatureScheme,
}

impl Signer for BorrowedSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        self.key.sign(self.scheme, message).map_err(|error| rustls::Error::Other(OtherError(Arc::new(error))))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

impl fmt::Debug for BorrowedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BorrowedKey")
    }
}

impl fmt::Debug for BorrowedSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BorrowedSigner")
    }
}
