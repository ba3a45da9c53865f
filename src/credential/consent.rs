//! The payload of `oauth2_refresh_token`: what somebody has consented to, and the client that was given the consent.

use super::binding::Binding;
use super::client::authentication;
use super::grant::{Authority, Client, Consent, Grant};
use super::payload::{check_kind, name_of_bearer, plain, scopes, utf8};
use crate::document::CredentialKind;
use crate::secret::json::{Invalid, members, text};

/// Reads a payload. The policy judges the URL, and a key is parsed where it signs.
pub(super) fn parse(payload: &[u8]) -> Result<(Grant, Option<Binding>), Invalid> {
    let names = [
        "client_id",
        "refresh_token",
        "token_url",
        "client_secret",
        "client_auth",
        "scopes",
        "token_type",
        "type",
        "binding",
        "private_key",
        "alg",
        "kid",
        "x5t#S256",
        "assertion_audience",
        "lifetime",
        "certificate_chain",
        "tls_client_certificate_bound_access_tokens",
    ];
    let [id, first, url, secret, auth, scope, token_type, kind, binding, key @ .., chain, bound] =
        members(utf8(payload)?, names)?;
    check_kind(kind, CredentialKind::Oauth2RefreshToken)?;
    let client = Client {
        id: text(id.ok_or(Invalid)?)?,
        audience: None,
        resources: Vec::new(),
        auth: authentication(auth, secret, key, [chain, bound])?,
    };
    let grant = Grant {
        token_url: plain(url.ok_or(Invalid)?)?,
        scopes: scope.map(scopes).transpose()?.unwrap_or_default(),
        token_type: token_type.map(name_of_bearer).transpose()?,
        by: Authority::Consent(Consent { client, first: text(first.ok_or(Invalid)?)? }),
    };
    Ok((grant, Some(Binding::of_key(binding)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    #[test]
    fn misspelt_is_refused() {
        for (payload, is_sound) in section::<Vec<(String, bool)>>("refresh_tokens") {
            let read = parse(payload.as_bytes()).is_ok_and(|(grant, _)| grant.check().is_ok());
            assert_eq!(read, is_sound, "{payload}");
        }
    }
}
