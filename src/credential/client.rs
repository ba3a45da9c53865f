//! The payload of `oauth2_client_credentials`: who asks for a token, where, and for what.

use std::time::Duration;

use serde_json::value::RawValue;

use super::binding::Binding;
use super::grant::{Authority, Client, ClientAuth, Grant, Signer};
use super::mtls;
use super::payload::{algorithm, check_kind, flag, list, name_of_bearer, plain, scopes, seconds, utf8};
use crate::document::CredentialKind;
use crate::secret::json::{Invalid, members, text};
use crate::sign::SigningAlgorithm;

/// How long an assertion is valid at most, and unless the payload says otherwise.
const LONGEST: Duration = Duration::from_secs(300);

/// How a client authenticates by RFC 8705. Which of both it is, only the token endpoint has to know.
const BY_CERTIFICATE: [&str; 2] = ["tls_client_auth", "self_signed_tls_client_auth"];

/// Reads a payload. The policy judges the URL, and a key is parsed where it signs.
pub(super) fn parse(payload: &[u8]) -> Result<(Grant, Option<Binding>), Invalid> {
    let names = [
        "client_id",
        "client_secret",
        "token_url",
        "scopes",
        "audience",
        "resource",
        "client_auth",
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
    let [id, secret, url, scope, audience, resource, auth, token_type, kind, binding, key @ .., chain, bound] =
        members(utf8(payload)?, names)?;
    check_kind(kind, CredentialKind::Oauth2ClientCredentials)?;
    let auth = authentication(auth, secret, key, [chain, bound])?;
    let binding = match &auth {
        ClientAuth::Assertion(_) | ClientAuth::OwnCertificate { .. } => Some(Binding::of_key(binding)?),
        ClientAuth::Body(_) | ClientAuth::Basic(_) | ClientAuth::CertificateBeside => {
            binding.map(Binding::parse).transpose()?
        }
        // Anybody may say that name.
        ClientAuth::Public => return Err(Invalid),
    };
    let client = Client {
        id: text(id.ok_or(Invalid)?)?,
        auth,
        audience: audience.map(plain).transpose()?,
        resources: resource.map(one_or_more).transpose()?.unwrap_or_default(),
    };
    let grant = Grant {
        token_url: plain(url.ok_or(Invalid)?)?,
        scopes: scope.map(scopes).transpose()?.unwrap_or_default(),
        token_type: token_type.map(name_of_bearer).transpose()?,
        by: Authority::Client(client),
    };
    Ok((grant, binding))
}

/// How a client authenticates, by `client_auth`, and with it by a secret, by what belongs to a key, or by a certificate: its chain, and
/// whether tokens are bound to it.
pub(super) fn authentication(
    form: Option<&RawValue>,
    secret: Option<&RawValue>,
    key: [Option<&RawValue>; 6],
    certificate @ [chain, bound]: [Option<&RawValue>; 2],
) -> Result<ClientAuth, Invalid> {
    let form = form.map(plain).transpose()?;
    let has_key = key.iter().any(Option::is_some);
    match (form.as_deref(), secret) {
        (Some(form), None) if BY_CERTIFICATE.contains(&form) => by_certificate(key, chain, bound),
        _ if certificate.iter().any(Option::is_some) => Err(Invalid),
        (Some("private_key_jwt"), None) => Ok(ClientAuth::Assertion(Box::new(signer(key)?))),
        (None | Some("body"), Some(secret)) if !has_key => Ok(ClientAuth::Body(text(secret)?)),
        (Some("basic"), Some(secret)) if !has_key => Ok(ClientAuth::Basic(text(secret)?)),
        (Some("none"), None) if !has_key => Ok(ClientAuth::Public),
        _ => Err(Invalid),
    }
}

/// A client that a certificate stands for: its own, or that of another credential.
fn by_certificate(
    [key, others @ ..]: [Option<&RawValue>; 6],
    chain: Option<&RawValue>,
    bound: Option<&RawValue>,
) -> Result<ClientAuth, Invalid> {
    match (key, chain, bound) {
        _ if others.iter().any(Option::is_some) => Err(Invalid),
        (Some(key), Some(chain), bound) => Ok(ClientAuth::OwnCertificate {
            certificate: mtls::certificate(key, chain)?,
            is_bound: bound.map_or(Ok(false), flag)?,
        }),
        (None, None, None) => Ok(ClientAuth::CertificateBeside),
        _ => Err(Invalid),
    }
}

/// RFC 8707 lets a request name several resources.
fn one_or_more(value: &RawValue) -> Result<Vec<String>, Invalid> {
    let resources = plain(value).map(|resource| vec![resource]).or_else(|_| list(value))?;
    if resources.iter().any(String::is_empty) { Err(Invalid) } else { Ok(resources) }
}

/// Who signs the assertion of a client.
fn signer([key, alg, key_id, thumbprint, audience, lifetime]: [Option<&RawValue>; 6]) -> Result<Signer, Invalid> {
    let known = [SigningAlgorithm::Ps256, SigningAlgorithm::Es256, SigningAlgorithm::Rs256];
    Ok(Signer {
        private_key: text(key.ok_or(Invalid)?)?,
        algorithm: algorithm(alg.ok_or(Invalid)?, &known)?,
        key_id: key_id.map(plain).transpose()?,
        thumbprint: thumbprint.map(digest).transpose()?,
        audience: audience.map(plain).transpose()?,
        lifetime: lifetime.map(|lifetime| seconds(lifetime, LONGEST)).transpose()?.unwrap_or(LONGEST),
    })
}

/// A SHA-256 in base64url, without padding.
fn digest(value: &RawValue) -> Result<String, Invalid> {
    let text = plain(value)?;
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if text.len() == 43 && text.bytes().all(is_digit) { Ok(text) } else { Err(Invalid) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    const NEEDED: &str = r#""client_id": "c", "client_secret": "s", "token_url": "https://a.example/token""#;

    /// The grant with its client taken out.
    fn with(rest: &str) -> (Client, Vec<String>, Option<String>) {
        let (grant, _) = parse(format!("{{{NEEDED}{rest}}}").as_bytes()).expect("a payload");
        assert_eq!((grant.token_url.as_str(), grant.token_member()), ("https://a.example/token", "access_token"));
        match grant.by {
            Authority::Client(client) => (client, grant.scopes, grant.token_type),
            Authority::Assertion(_) | Authority::Consent(_) => panic!("a client asks by itself"),
        }
    }

    #[test]
    fn what_may_be_left_out_has_a_default() {
        let (client, scopes, token_type) = with("");
        assert_eq!(client.id.expose(), b"c");
        assert!(matches!(&client.auth, ClientAuth::Body(secret) if secret.expose() == b"s"));
        assert_eq!((scopes, client.audience, client.resources), (vec![], None, vec![]));
        assert_eq!(token_type, None);
    }

    #[test]
    fn what_may_be_said_is_read() {
        let (client, scopes, token_type) = with(
            r#", "scopes": ["read", "urn:x/y#z"], "audience": "https://api.example", "resource": "https://r.example",
                "client_auth": "basic", "token_type": "BearerToken", "type": "oauth2_client_credentials", "binding": {"hosts": []}"#,
        );
        assert_eq!(scopes, ["read", "urn:x/y#z"]);
        assert_eq!(client.audience.as_deref(), Some("https://api.example"));
        assert_eq!(client.resources, ["https://r.example"]);
        assert!(matches!(&client.auth, ClientAuth::Basic(secret) if secret.expose() == b"s"));
        assert_eq!(token_type.as_deref(), Some("BearerToken"));
        assert_eq!(with(r#", "token_type": """#).2.as_deref(), Some(""));
        assert_eq!(with(r#", "resource": ["https://r.example", "urn:s"]"#).0.resources, ["https://r.example", "urn:s"]);
    }

    #[test]
    fn misspelt_is_refused() {
        for (payload, is_sound) in section::<Vec<(String, bool)>>("clients") {
            let read = parse(payload.as_bytes()).is_ok_and(|(grant, _)| grant.check().is_ok());
            assert_eq!(read, is_sound, "{payload}");
        }
    }
}
