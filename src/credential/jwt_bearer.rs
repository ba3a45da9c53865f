//! The payload of `oauth2_jwt_bearer`: the key that signs an assertion, and what the assertion says.

use std::time::Duration;

use super::binding::Binding;
use super::grant::{Authority, Grant, JwtBearer, Signer};
use super::payload::{added, algorithm, check_kind, name_of_bearer, plain, scopes, seconds, utf8};
use crate::document::CredentialKind;
use crate::secret::json::{Invalid, members, text};
use crate::sign::SigningAlgorithm;

/// How long an assertion is valid unless the payload says otherwise. It is used at once; the rest is for clocks.
const USUAL: Duration = Duration::from_secs(300);

/// How long it may be valid at most.
const LONGEST: Duration = Duration::from_secs(3600);

/// Claims with keys of their own in the payload, and those that are the library's.
const OWN_CLAIMS: [&str; 8] = ["iss", "sub", "aud", "iat", "nbf", "exp", "jti", "target_audience"];

/// Form fields that the token request has by itself.
const OWN_FIELDS: [&str; 3] = ["grant_type", "assertion", "scope"];

/// Reads a payload. The policy judges the URL, and the key is parsed where it signs.
pub(super) fn parse(payload: &[u8]) -> Result<(Grant, Option<Binding>), Invalid> {
    let names = [
        "private_key",
        "alg",
        "iss",
        "token_url",
        "sub",
        "assertion_audience",
        "lifetime",
        "kid",
        "scopes",
        "target_audience",
        "claims",
        "fields",
        "token_type",
        "type",
        "binding",
    ];
    let [
        key,
        alg,
        issuer,
        url,
        subject,
        audience,
        lifetime,
        key_id,
        scope,
        target,
        claims,
        fields,
        token_type,
        kind,
        binding,
    ] = members(utf8(payload)?, names)?;
    check_kind(kind, CredentialKind::Oauth2JwtBearer)?;
    let signer = Signer {
        private_key: text(key.ok_or(Invalid)?)?,
        algorithm: algorithm(alg.ok_or(Invalid)?, &[SigningAlgorithm::Rs256, SigningAlgorithm::Es256])?,
        key_id: key_id.map(plain).transpose()?,
        thumbprint: None,
        audience: audience.map(plain).transpose()?,
        lifetime: lifetime.map(|lifetime| seconds(lifetime, LONGEST)).transpose()?.unwrap_or(USUAL),
    };
    let claims = claims.map(|claims| added(claims, &OWN_CLAIMS)).transpose()?.unwrap_or_default();
    let fields = fields.map(|fields| added(fields, &OWN_FIELDS)).transpose()?.unwrap_or_default();
    let bearer = JwtBearer {
        signer,
        issuer: plain(issuer.ok_or(Invalid)?)?,
        subject: subject.map(plain).transpose()?,
        target_audience: target.map(plain).transpose()?,
        claims: claims.into_iter().map(|(name, value)| (name, value.to_owned())).collect(),
        fields: fields.into_iter().map(|(name, value)| Ok((name, text(value)?))).collect::<Result<_, Invalid>>()?,
    };
    let grant = Grant {
        token_url: plain(url.ok_or(Invalid)?)?,
        scopes: scope.map(scopes).transpose()?.unwrap_or_default(),
        token_type: token_type.map(name_of_bearer).transpose()?,
        by: Authority::Assertion(bearer),
    };
    Ok((grant, Some(Binding::of_key(binding)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    #[test]
    fn misspelt_is_refused() {
        for (payload, is_sound) in section::<Vec<(String, bool)>>("jwt_bearers") {
            let read = parse(payload.as_bytes()).is_ok_and(|(grant, _)| grant.check().is_ok());
            assert_eq!(read, is_sound, "{payload}");
        }
    }
}
