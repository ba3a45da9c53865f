//! Opens nr-vault's envelopes: `nrv1:` and the base64 of a JSON object that holds a value, the key it is encrypted with,
//! and that key encrypted with a master key. The identifier is the associated data of both.
//!
//! It knows no source of a key and no meaning of what it opens: `keys` makes [`MasterKey`]s of files and documents, and
//! `credential` reads what was sealed. `oauth` seals tokens with the same ciphers. Below is `secret`.

pub mod aead;
pub(crate) mod base64;
mod form;
mod key;

pub use key::MasterKey;

use std::borrow::Borrow;

use crate::error::{Code, Error};
use crate::secret::Secret;

use form::Form;

/// Opens an envelope with the first of the keys that fits it.
///
/// What is wrong with the envelope's form is found before any key is used, so such an error says nothing about keys.
pub fn open(sealed: &[u8], identifier: &str, keys: &[impl Borrow<MasterKey>]) -> Result<Secret, Error> {
    if keys.is_empty() {
        return Err(Error::new(Code::KeyUnavailable, "no master key could be loaded"));
    }
    let form = Form::parse(sealed)?;
    keys.iter()
        .find_map(|key| open_with(&form, identifier, key.borrow()))
        .ok_or_else(|| Error::new(Code::AuthenticationFailed, "no master key opens the envelope for this identifier"))
}

fn open_with(form: &Form, identifier: &str, master_key: &MasterKey) -> Option<Secret> {
    let identifier = identifier.as_bytes();
    let key = aead::open(form.algorithm, master_key.expose(), &form.key_nonce, identifier, &form.sealed_key)?;
    aead::open(form.algorithm, key.expose(), &form.value_nonce, identifier, &form.sealed_value)
}
