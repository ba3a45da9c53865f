//! Opens the envelopes of a call's credentials.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::state::Engine;
use crate::credential::Credential;
use crate::document::CredentialSpec;
use crate::envelope::MasterKey;
use crate::error::{Code, Error};
use crate::policy::Alternative;

/// The envelopes of this many credentials, in their order.
pub fn split(sealed: &[u8], count: usize) -> Result<Vec<Vec<u8>>, Error> {
    let malformed = || Error::new(Code::Malformed, "there must be as many envelopes as credentials");
    match count {
        0 if sealed.is_empty() => Ok(Vec::new()),
        0 => Err(malformed()),
        1 => Ok(vec![sealed.to_vec()]),
        _ => {
            let envelopes: Vec<&RawValue> = serde_json::from_slice(sealed).map_err(|_| malformed())?;
            if envelopes.len() != count {
                return Err(malformed());
            }
            let text = |envelope: &RawValue| serde_json::from_str::<String>(envelope.get()).map(String::into_bytes);
            envelopes.into_iter().map(text).collect::<Result<_, _>>().map_err(|_| malformed())
        }
    }
}

/// Opens them with the engine's keys, which are read again where there is none or none fits. The caller wipes the stack.
pub fn unseal(engine: &Engine, specs: &[CredentialSpec], envelopes: &[Vec<u8>]) -> Result<Vec<Credential>, Error> {
    if specs.is_empty() {
        return Ok(Vec::new());
    }
    let missing = || {
        Error::new(Code::KeyUnavailable, "no master key could be read; look at master_keys and the warnings of open")
    };
    let mut keys = engine.keyring().keys();
    if keys.is_empty() {
        engine.keyring().reread();
        keys = engine.keyring().keys();
    }
    if keys.is_empty() {
        return Err(missing());
    }
    open(engine, keys, specs, envelopes)
}

/// The first alternative that the secret ends with; there is one credential where there are alternatives.
pub fn choose<T>(credentials: &[Credential], alternatives: Vec<Alternative<T>>) -> Option<Alternative<T>> {
    let [credential] = credentials else { return None };
    alternatives.into_iter().find(|alternative| credential.ends_with(alternative.secret_suffix.as_bytes()))
}

fn open(
    engine: &Engine,
    mut keys: Vec<Arc<MasterKey>>,
    specs: &[CredentialSpec],
    envelopes: &[Vec<u8>],
) -> Result<Vec<Credential>, Error> {
    let mut payloads = Vec::with_capacity(specs.len());
    for (spec, sealed) in specs.iter().zip(envelopes) {
        let payload = match engine.forms.open(sealed, &spec.identifier, &keys) {
            // The key may have been rewritten since it was read.
            Err(error) if error.code == Code::AuthenticationFailed && engine.keyring().reread() => {
                keys = engine.keyring().keys();
                engine.forms.open(sealed, &spec.identifier, &keys)
            }
            opened => opened,
        };
        payloads.push(payload.map_err(|error| error.of_credential(&spec.identifier))?);
    }
    specs.iter().zip(payloads).map(|(spec, payload)| Credential::from_payload(spec, payload)).collect()
}
