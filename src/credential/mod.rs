//! Opened credentials: what a payload means, where its parts go, and finding them again in an answer.

mod binding;
mod body;
mod client;
mod form;
mod header;
pub(crate) mod json;
pub mod placement;
mod redact;

pub use binding::Binding;
pub use client::{ClientAuth, ClientCredentials};
pub(crate) use header::basic;
pub use redact::{REDACTED, Redactor};

use std::str;

use http::HeaderName;

use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::spec::{CredentialKind, CredentialSpec, Placement};
use binding::list;
use json::{Invalid, for_each_member, members, text};

/// A credential whose envelope was opened. Its secrets are wiped when it goes.
pub struct Credential {
    binding: Option<Binding>,
    value: Value,
}

enum Value {
    Bearer { token: Secret },
    ApiKey { key: Secret, header: HeaderName, prefix: Option<Secret> },
    Basic { username: Secret, password: Secret },
    Plain { secret: Secret, placement: Placement },
    Client(ClientCredentials),
}

impl Credential {
    /// Reads what an envelope held as the type that the request declares.
    ///
    /// The declaration is not sealed and may have been changed by whoever can write it, so a payload that says what it is
    /// must agree, and a payload that is bound is never sent as a plain secret, binding and all.
    pub fn from_payload(spec: &CredentialSpec, payload: Secret) -> Result<Self, Error> {
        let invalid =
            |Invalid| Error::new(Code::PayloadInvalid, "the credential's payload does not have its type's form");
        match (spec.kind, &spec.placement) {
            (CredentialKind::Oauth2ClientCredentials, _) => client(payload.expose()).map_err(invalid),
            (CredentialKind::Secret, Some(placement)) => {
                let (secret, binding) = match bound_secret(payload.expose()).map_err(invalid)? {
                    Some((secret, binding)) => (secret, Some(binding)),
                    None => (payload, None),
                };
                Ok(Self { binding, value: Value::Plain { secret, placement: placement.clone() } })
            }
            (CredentialKind::Secret, None) => Err(placement::misplaced()),
            (CredentialKind::Bearer, _) => bearer(payload.expose()).map_err(invalid),
            (CredentialKind::ApiKey, _) => api_key(payload.expose()).map_err(invalid),
            (CredentialKind::Basic, _) => pair(payload.expose()).map_err(invalid),
        }
    }

    /// Where the credential may go, if that was sealed with it.
    pub fn binding(&self) -> Option<&Binding> {
        self.binding.as_ref()
    }

    /// The token endpoint, where a token has to be asked for.
    pub fn token_url(&self) -> Option<&str> {
        match &self.value {
            Value::Client(client) => Some(&client.token_url),
            _ => None,
        }
    }
}

fn bearer(payload: &[u8]) -> Result<Credential, Invalid> {
    let [token, kind, binding] = members(document(payload)?, ["token", "type", "binding"])?;
    check_kind(kind, CredentialKind::Bearer)?;
    let token = text(token.ok_or(Invalid)?)?;
    Ok(Credential { binding: binding.map(Binding::parse).transpose()?, value: Value::Bearer { token } })
}

fn api_key(payload: &[u8]) -> Result<Credential, Invalid> {
    let names = ["key", "header", "prefix", "type", "binding"];
    let [key, header, prefix, kind, binding] = members(document(payload)?, names)?;
    check_kind(kind, CredentialKind::ApiKey)?;
    let key = text(key.ok_or(Invalid)?)?;
    let header = match header {
        Some(name) => header::settable(text(name)?.expose()).ok_or(Invalid)?,
        None => header::X_API_KEY,
    };
    let prefix = prefix.map(text).transpose()?;
    let binding = binding.map(Binding::parse).transpose()?;
    Ok(Credential { binding, value: Value::ApiKey { key, header, prefix } })
}

fn pair(payload: &[u8]) -> Result<Credential, Invalid> {
    let [username, password, kind, binding] = members(document(payload)?, ["username", "password", "type", "binding"])?;
    check_kind(kind, CredentialKind::Basic)?;
    let (username, password) = (text(username.ok_or(Invalid)?)?, text(password.ok_or(Invalid)?)?);
    Ok(Credential { binding: binding.map(Binding::parse).transpose()?, value: Value::Basic { username, password } })
}

fn client(payload: &[u8]) -> Result<Credential, Invalid> {
    let (client, binding) = client::parse(payload)?;
    Ok(Credential { binding, value: Value::Client(client) })
}

fn document(payload: &[u8]) -> Result<&str, Invalid> {
    str::from_utf8(payload).map_err(|_| Invalid)
}

fn check_kind(kind: Option<&serde_json::value::RawValue>, declared: CredentialKind) -> Result<(), Invalid> {
    let Some(kind) = kind else { return Ok(()) };
    if text(kind)?.expose() == declared.as_str().as_bytes() { Ok(()) } else { Err(Invalid) }
}

/// Reads a secret that is sealed with its binding, `{"type": "secret", "secret": …, "binding": …}`. None are bytes that are the
/// secret themselves; another type's document, or one that is bound or typed in another way, is refused.
fn bound_secret(payload: &[u8]) -> Result<Option<(Secret, Binding)>, Invalid> {
    use CredentialKind::{ApiKey, Basic, Bearer, Oauth2ClientCredentials};

    let Ok(document) = str::from_utf8(payload) else { return Ok(None) };
    let is = |kind: CredentialKind, name: &Secret| kind.as_str().as_bytes() == name.expose();
    let (mut is_typed, mut says_secret, mut has_secret) = (false, false, false);
    let read = for_each_member(document, &["binding", "type", "secret"], |index, value| {
        match index {
            Some(0) => is_typed = true,
            Some(1) => {
                let Ok(name) = text(value) else { return Ok(()) };
                is_typed |= [Bearer, ApiKey, Basic, Oauth2ClientCredentials].iter().any(|kind| is(*kind, &name));
                says_secret |= is(CredentialKind::Secret, &name);
            }
            Some(_) => has_secret = true,
            None => {}
        }
        Ok(())
    });
    // What is no JSON object was never accepted as one of the types either.
    if read.is_err() || !(is_typed || says_secret && has_secret) {
        return Ok(None);
    }
    let [secret, kind, binding] = members(document, ["secret", "type", "binding"])?;
    check_kind(Some(kind.ok_or(Invalid)?), CredentialKind::Secret)?;
    Ok(Some((text(secret.ok_or(Invalid)?)?, Binding::parse(binding.ok_or(Invalid)?)?)))
}
