//! The payload of `mtls`: a client certificate with its chain and its key.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::binding::Binding;
use super::payload::{check_kind, plain, utf8};
use crate::document::CredentialKind;
use crate::secret::json::{Invalid, members, text};
use crate::sign::ClientCertificate;

/// Reads a payload. The key is parsed where it signs.
pub(super) fn parse(payload: &[u8]) -> Result<(Arc<ClientCertificate>, Binding), Invalid> {
    let names = ["private_key", "certificate_chain", "type", "binding"];
    let [key, chain, kind, binding] = members(utf8(payload)?, names)?;
    check_kind(kind, CredentialKind::Mtls)?;
    Ok((certificate(key.ok_or(Invalid)?, chain.ok_or(Invalid)?)?, Binding::of_key(binding)?))
}

/// A key and the chain to its certificate, both in PEM.
pub(super) fn certificate(key: &RawValue, chain: &RawValue) -> Result<Arc<ClientCertificate>, Invalid> {
    ClientCertificate::read(text(key)?, &plain(chain)?).map(Arc::new).ok_or(Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    #[test]
    fn misspelt_is_refused() {
        for (payload, is_sound) in section::<Vec<(String, bool)>>("mtls") {
            let read = parse(payload.as_bytes()).is_ok_and(|(certificate, _)| certificate.check().is_ok());
            assert_eq!(read, is_sound, "{payload}");
        }
    }
}
