//! Signatures with sealed keys: a private key as it stands in a PEM text, JSON Web Signatures that it makes, handshakes of TLS that
//! it signs for its certificate, and hashes with a key.
//!
//! aws-lc-rs signs, which TLS has linked already. A private key is parsed for each signature and its numbers are wiped right after:
//! there is one for each token request and each new connection, and none while a token or a connection serves. Below are `secret`, `sys` and `error`; above, `credential` reads
//! which key signs, and `oauth` what.

mod certificate;
mod jws;
mod key;
mod mac;
mod pem;

pub use certificate::{CertificateId, ClientCertificate, KeyAbilities};
pub use jws::{compact, encoded};
pub use key::{SigningAlgorithm, SigningKey};
pub use mac::Hash;
