//! Signatures with sealed keys: a private key as it stands in a PEM text, JSON Web Signatures that it makes, and hashes with a key.
//!
//! aws-lc-rs signs, which TLS has linked already. A private key is parsed for each signature and its numbers are wiped right after:
//! there is one for each token request, and none while a token serves. Below are `secret`, `sys` and `error`; above, `credential` reads
//! which key signs, and `oauth` what.

mod jws;
mod key;
mod mac;
mod pem;

pub use jws::{compact, encoded};
pub use key::{SigningAlgorithm, SigningKey};
pub use mac::Hash;
