//! Credentials whose envelope was opened.

use std::str;
use std::sync::Arc;

use http::HeaderName;

use super::aws_sigv4;
use super::binding::Binding;
use super::client;
use super::consent;
use super::declared::misplaced;
use super::grant::Grant;
use super::header;
use super::hmac;
use super::jwt;
use super::jwt_bearer;
use super::mtls;
use super::payload::{check_kind, utf8};
use super::provenance::Provenance;
use super::signature::Signature;
use crate::document::{CredentialKind, CredentialSpec, Placement, S3};
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::secret::json::{Invalid, for_each_member, members, text};
use crate::sign::ClientCertificate;

/// A credential whose envelope was opened. Its secrets are wiped when it goes.
pub struct Credential {
    pub(super) identifier: String,
    binding: Option<Binding>,
    pub(super) value: Value,
}

/// What it is, and with it where it goes.
pub(super) enum Value {
    Bearer { token: Secret },
    ApiKey { key: Secret, header: HeaderName, prefix: Option<Secret> },
    Basic { username: Secret, password: Secret },
    Plain { secret: Secret, placement: Placement },
    Token(Box<Provenance>),
    Signature(Box<Signature>),
    Certificate(Arc<ClientCertificate>),
}

impl Credential {
    /// Reads what an envelope held as the type that the request declares.
    ///
    /// The declaration is not sealed, and whoever can write it may have changed it. So a payload that names its type must
    /// agree with it, and a payload with a binding is never sent whole as a plain secret.
    pub fn from_payload(spec: &CredentialSpec, payload: Secret) -> Result<Self, Error> {
        let invalid = |Invalid| Error::new(Code::PayloadInvalid, "the payload does not have the form of its type");
        let read = match (spec.kind, &spec.placement) {
            (CredentialKind::Oauth2ClientCredentials, _) => granted(client::parse(payload.expose())).map_err(invalid),
            (CredentialKind::Oauth2JwtBearer, _) => granted(jwt_bearer::parse(payload.expose())).map_err(invalid),
            (CredentialKind::Oauth2RefreshToken, _) => granted(consent::parse(payload.expose())).map_err(invalid),
            (CredentialKind::Jwt, _) => jwt::parse(payload.expose())
                .map(|(jwt, binding)| (Value::Token(Box::new(Provenance::Jwt(jwt))), Some(binding)))
                .map_err(invalid),
            (CredentialKind::AwsSigv4, _) => aws_sigv4::parse(payload.expose())
                .map(|(key, binding)| signing(Signature::AwsSigV4(key), binding))
                .map_err(invalid),
            (CredentialKind::Hmac, _) => hmac::parse(payload.expose())
                .map(|(hmac, binding)| signing(Signature::Hmac(hmac), binding))
                .map_err(invalid),
            (CredentialKind::Mtls, _) => mtls::parse(payload.expose())
                .map(|(certificate, binding)| (Value::Certificate(certificate), Some(binding)))
                .map_err(invalid),
            (CredentialKind::Secret, Some(placement)) => plain(payload, placement).map_err(invalid),
            (CredentialKind::Secret, None) => Err(misplaced()),
            (CredentialKind::Bearer, _) => bearer(payload.expose()).map_err(invalid),
            (CredentialKind::ApiKey, _) => api_key(payload.expose()).map_err(invalid),
            (CredentialKind::Basic, _) => pair(payload.expose()).map_err(invalid),
        };
        let (value, binding) = read.map_err(|error| error.of_credential(&spec.identifier))?;
        Ok(Self { identifier: spec.identifier.clone(), binding, value })
    }

    /// Where the credential may go, if that was sealed with it.
    pub fn binding(&self) -> Option<&Binding> {
        self.binding.as_ref()
    }

    /// Whether the secret ends so; of a user and a password it is the password that counts.
    pub fn ends_with(&self, suffix: &[u8]) -> bool {
        match &self.value {
            Value::Bearer { token: secret }
            | Value::ApiKey { key: secret, .. }
            | Value::Basic { password: secret, .. }
            | Value::Plain { secret, .. } => secret.expose().ends_with(suffix),
            Value::Token(_) | Value::Signature(_) | Value::Certificate(_) => false,
        }
    }

    /// The token endpoint, where a token has to be asked for.
    pub fn token_url(&self) -> Option<&str> {
        match &self.value {
            Value::Token(provenance) => provenance.token_url(),
            Value::Signature(signature) => signature.role().map(|role| role.url.as_str()),
            _ => None,
        }
    }

    /// Refuses a declaration that names another service than what is sealed. That it is S3 has to be declared: the URL is spelt
    /// by it before anything is opened.
    pub fn check_service(&self, spec: &CredentialSpec) -> Result<(), Error> {
        let Value::Signature(signature) = &self.value else { return Ok(()) };
        let why = match (signature.service(), spec.service.as_deref()) {
            (None, _) => return Ok(()),
            (Some(sealed), Some(declared)) if sealed == declared => return Ok(()),
            (Some(sealed), None) if sealed != S3 => return Ok(()),
            (Some(_), None) => "signs for S3, which its entry has to say: give the entry \"service\": \"s3\"",
            (Some(_), Some(_)) => "is sealed for another service than its entry names",
        };
        Err(Error::new(Code::BindingViolated, format!("the credential \"{}\" {why}", self.identifier)))
    }

    /// Whether the token endpoint is not for a service to call.
    pub fn is_exchanged(&self) -> bool {
        match &self.value {
            Value::Token(provenance) => provenance.is_exchanged(),
            Value::Signature(signature) => signature.role().is_some(),
            _ => false,
        }
    }

    /// The certificate, where it is one that every server of the binding may see.
    pub fn certificate(&self) -> Option<&Arc<ClientCertificate>> {
        match &self.value {
            Value::Certificate(certificate) => Some(certificate),
            _ => None,
        }
    }

    /// Refuses what only a token request or a handshake would find out.
    pub fn check(&self) -> Result<(), Error> {
        match &self.value {
            Value::Token(provenance) => provenance.check(),
            Value::Certificate(certificate) => certificate.check().map(drop),
            _ => Ok(()),
        }
        .map_err(|error| error.of_credential(&self.identifier))
    }
}

/// What it is, and what it is bound to.
type Bindable = (Value, Option<Binding>);

fn plain(payload: Secret, placement: &Placement) -> Result<Bindable, Invalid> {
    let (secret, binding) = match bound_secret(payload.expose())? {
        Some((secret, binding)) => (secret, Some(binding)),
        None => (payload, None),
    };
    Ok((Value::Plain { secret, placement: placement.clone() }, binding))
}

fn bearer(payload: &[u8]) -> Result<Bindable, Invalid> {
    let [token, kind, binding] = members(utf8(payload)?, ["token", "type", "binding"])?;
    check_kind(kind, CredentialKind::Bearer)?;
    let token = text(token.ok_or(Invalid)?)?;
    Ok((Value::Bearer { token }, binding.map(Binding::parse).transpose()?))
}

fn api_key(payload: &[u8]) -> Result<Bindable, Invalid> {
    let names = ["key", "header", "prefix", "type", "binding"];
    let [key, header, prefix, kind, binding] = members(utf8(payload)?, names)?;
    check_kind(kind, CredentialKind::ApiKey)?;
    let key = text(key.ok_or(Invalid)?)?;
    let header = match header {
        Some(name) => header::settable(text(name)?.expose()).ok_or(Invalid)?,
        None => header::X_API_KEY,
    };
    let prefix = prefix.map(text).transpose()?;
    let binding = binding.map(Binding::parse).transpose()?;
    Ok((Value::ApiKey { key, header, prefix }, binding))
}

fn pair(payload: &[u8]) -> Result<Bindable, Invalid> {
    let [username, password, kind, binding] = members(utf8(payload)?, ["username", "password", "type", "binding"])?;
    check_kind(kind, CredentialKind::Basic)?;
    let (username, password) = (text(username.ok_or(Invalid)?)?, text(password.ok_or(Invalid)?)?);
    Ok((Value::Basic { username, password }, binding.map(Binding::parse).transpose()?))
}

fn granted(read: Result<(Grant, Option<Binding>), Invalid>) -> Result<Bindable, Invalid> {
    read.map(|(grant, binding)| (Value::Token(Box::new(Provenance::Grant(grant))), binding))
}

fn signing(signature: Signature, binding: Binding) -> Bindable {
    (Value::Signature(Box::new(signature)), Some(binding))
}

/// The types that are documents, each with its required keys, and again where there are others.
const DOCUMENTS: [(CredentialKind, &[&str]); 11] = [
    (CredentialKind::Bearer, &["token"]),
    (CredentialKind::ApiKey, &["key"]),
    (CredentialKind::Basic, &["username", "password"]),
    (CredentialKind::Oauth2ClientCredentials, &["client_id", "client_secret", "token_url"]),
    (CredentialKind::Oauth2ClientCredentials, &["client_id", "private_key", "alg", "token_url"]),
    (CredentialKind::Oauth2JwtBearer, &["private_key", "alg", "iss", "token_url"]),
    (CredentialKind::Oauth2RefreshToken, &["client_id", "refresh_token", "token_url"]),
    (CredentialKind::Jwt, &["private_key", "alg"]),
    (CredentialKind::AwsSigv4, &["access_key_id", "secret_access_key", "region", "service"]),
    (CredentialKind::Hmac, &["key", "alg", "template"]),
    (CredentialKind::Mtls, &["private_key", "certificate_chain"]),
];

/// Reads a secret that is sealed with its binding, `{"type": "secret", "secret": …, "binding": …}`. `None` for bytes that
/// are the secret themselves; another type's document, or one that is bound or typed in another way, is refused. A document
/// that names itself something else, such as a vendor's key file, is a secret whatever keys it has.
fn bound_secret(payload: &[u8]) -> Result<Option<(Secret, Binding)>, Invalid> {
    const NAMES: [&str; 3] = ["secret", "type", "binding"];

    let Ok(document) = str::from_utf8(payload) else { return Ok(None) };
    let names: Vec<&str> = DOCUMENTS.iter().flat_map(|(_, needed)| *needed).copied().chain(NAMES).collect();
    let mut found = Vec::new();
    let mut types = Vec::new();
    let read = for_each_member(document, &names, |index, value| {
        let name = index.and_then(|index| names.get(index)).copied();
        found.extend(name);
        types.extend((name == Some("type")).then(|| text(value).ok()).flatten());
        Ok(())
    });
    let is = |kind: CredentialKind, name: &Secret| kind.as_str().as_bytes() == name.expose();
    let is_named = |kind: CredentialKind| types.iter().any(|name| is(kind, name));
    let is_foreign = types.iter().any(|name| !is(CredentialKind::Secret, name));
    let is_whole = |needed: &[&str]| !is_foreign && needed.iter().all(|name| found.contains(name));
    let is_typed = found.contains(&"binding")
        || DOCUMENTS.iter().any(|(kind, needed)| is_named(*kind) || is_whole(needed))
        || is_named(CredentialKind::Secret) && found.contains(&"secret");
    // What is no JSON object was never accepted as one of the types either.
    if read.is_err() || !is_typed {
        return Ok(None);
    }
    let [secret, kind, binding] = members(document, NAMES)?;
    check_kind(Some(kind.ok_or(Invalid)?), CredentialKind::Secret)?;
    Ok(Some((text(secret.ok_or(Invalid)?)?, Binding::parse(binding.ok_or(Invalid)?)?)))
}
