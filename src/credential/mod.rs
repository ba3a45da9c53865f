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
    /// must agree, and a payload that is bound cannot be sent as a plain secret, binding and all.
    pub fn from_payload(spec: &CredentialSpec, payload: Secret) -> Result<Self, Error> {
        let invalid =
            |Invalid| Error::new(Code::PayloadInvalid, "the credential's payload does not have its type's form");
        match (spec.kind, &spec.placement) {
            (CredentialKind::Oauth2ClientCredentials, _) => client(payload.expose()).map_err(invalid),
            (CredentialKind::Secret, Some(placement)) => {
                refuse_typed(payload.expose()).map_err(invalid)?;
                Ok(Self { binding: None, value: Value::Plain { secret: payload, placement: placement.clone() } })
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

/// Refuses bytes that are another type's document, or a bound one.
fn refuse_typed(payload: &[u8]) -> Result<(), Invalid> {
    use CredentialKind::{ApiKey, Basic, Bearer, Oauth2ClientCredentials};

    let Ok(document) = str::from_utf8(payload) else { return Ok(()) };
    let is_ours = |name: &Secret| {
        [Bearer, ApiKey, Basic, Oauth2ClientCredentials].iter().any(|kind| kind.as_str().as_bytes() == name.expose())
    };
    let mut is_typed = false;
    let read = for_each_member(document, &["binding", "type"], |index, value| {
        is_typed |= match index {
            Some(0) => true,
            Some(_) => text(value).is_ok_and(|name| is_ours(&name)),
            None => false,
        };
        Ok(())
    });
    // What is no JSON object was never accepted as one of the types either.
    if read.is_ok() && is_typed { Err(Invalid) } else { Ok(()) }
}
