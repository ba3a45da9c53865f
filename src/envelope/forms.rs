//! Opens envelopes, whose forms are read once. A form is nothing but ciphertext; what it opens to is never kept.

use std::borrow::Borrow;

use super::aead;
use super::form::Form;
use super::key::MasterKey;
use crate::cache::ByBytes;
use crate::error::{Code, Error};
use crate::secret::Secret;

/// Of all envelopes whose forms are kept.
const BYTES: usize = 256 << 10;

/// Opens envelopes, and need not read again the form of one that it has seen.
pub struct Forms(ByBytes<Form>);

impl Default for Forms {
    fn default() -> Self {
        Self(ByBytes::new(BYTES))
    }
}

impl Forms {
    /// Opens an envelope with the first of the keys that fits it.
    ///
    /// What is wrong with the envelope's form is found before any key is used, so such an error says nothing about keys.
    pub fn open(&self, sealed: &[u8], identifier: &str, keys: &[impl Borrow<MasterKey>]) -> Result<Secret, Error> {
        if keys.is_empty() {
            return Err(Error::new(Code::KeyUnavailable, "no master key could be loaded"));
        }
        let form = self.0.get_or_make(sealed, || Form::parse(sealed))?;
        keys.iter().find_map(|key| open_with(&form, identifier, key.borrow())).ok_or_else(|| {
            Error::new(Code::AuthenticationFailed, "no master key opens the envelope for this identifier")
        })
    }
}

fn open_with(form: &Form, identifier: &str, master_key: &MasterKey) -> Option<Secret> {
    let identifier = identifier.as_bytes();
    let key = aead::open(form.algorithm, master_key.expose(), &form.key_nonce, identifier, &form.sealed_key)?;
    aead::open(form.algorithm, key.expose(), &form.value_nonce, identifier, &form.sealed_value)
}
