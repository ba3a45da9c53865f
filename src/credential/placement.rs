//! Puts credentials where they belong in a request.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::body::BodyKind;
use super::declared::{no_body_kind, not_settable};
use super::opened::{Credential, Value};
use super::provenance::Provenance;
use super::redact::Redactor;
use super::signature::Signature;
use super::{header, urlencoded};
use crate::document::Placement;
use crate::error::{Code, Error};
use crate::policy::filled_with_key;
use crate::secret::{LockedSecret, Secret};
use crate::sign::ClientCertificate;

/// A longer name in a placement is in no message.
const LONGEST_NAME: usize = 256;

/// A password that is shorter is taken for a filler: then the user name is the secret.
const SHORTEST_PASSWORD: usize = 4;

/// A request in the making, without any credential.
#[derive(Clone, Copy)]
pub struct Draft<'a> {
    /// The caller's header fields.
    pub headers: &'a HeaderMap,
    /// The query as it will be sent, without its question mark.
    pub query: Option<&'a str>,
    /// The caller's body.
    pub body: &'a [u8],
    /// Where the request's idempotency key goes, if it has one.
    pub key_header: Option<&'a HeaderName>,
}

/// What credentials change in a request. All memory in it is wiped when it goes.
pub struct Placed {
    /// Header fields to add, marked as sensitive. None of them is in the draft.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The query to send instead of the draft's.
    pub query: Option<Zeroizing<String>>,
    /// The body to send instead of the draft's.
    pub body: Option<Bytes>,
    /// Finds in a response what was put into the request.
    pub redactor: Redactor,
    /// Where the token comes from that goes into `Authorization`, see [`bearer`]; or the keys that the signature is made with.
    pub token: Option<Provenance>,
    /// What signs the request, attempt by attempt.
    pub signature: Option<Signature>,
    /// What the connection of the request shows.
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// The `Authorization` of an access token.
pub fn bearer(token: &LockedSecret) -> Result<HeaderValue, Error> {
    header::value(b"Bearer ", token.expose())
}

/// Puts the credentials into the request.
pub fn place(credentials: Vec<Credential>, draft: Draft<'_>) -> Result<Placed, Error> {
    let mut placing = Placing::new(draft);
    // What the others fill is signed, and not for a signature to fill.
    let (signing, others): (Vec<_>, Vec<_>) =
        credentials.into_iter().partition(|credential| matches!(credential.value, Value::Signature(_)));
    for Credential { identifier, value, .. } in others.into_iter().chain(signing) {
        placing.add(value).map_err(|error| error.of_credential(&identifier))?;
    }
    placing.finish()
}

/// The name in a placement, where it fits into a line.
fn named(name: &str) -> String {
    if name.len() <= LONGEST_NAME { format!(" \"{name}\"") } else { String::new() }
}

fn conflict(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::PlacementConflict, message)
}

struct Placing<'a> {
    draft: Draft<'a>,
    headers: Vec<(HeaderName, HeaderValue)>,
    parameters: Vec<(String, Secret)>,
    fields: Vec<(String, Secret)>,
    username: Option<Secret>,
    password: Option<Secret>,
    token: Option<Provenance>,
    signature: Option<Signature>,
    certificate: Option<Arc<ClientCertificate>>,
    redactor: Redactor,
}

impl<'a> Placing<'a> {
    fn new(draft: Draft<'a>) -> Self {
        Self {
            draft,
            headers: Vec::new(),
            parameters: Vec::new(),
            fields: Vec::new(),
            username: None,
            password: None,
            token: None,
            signature: None,
            certificate: None,
            redactor: Redactor::default(),
        }
    }

    fn add(&mut self, value: Value) -> Result<(), Error> {
        match value {
            Value::Bearer { token } => self.header(AUTHORIZATION, b"Bearer ", token),
            Value::ApiKey { key, header, prefix } => {
                self.header(header, prefix.as_ref().map_or(&[], Secret::expose), key)
            }
            Value::Basic { username, password } => self.basic(username, password),
            Value::Plain { secret, placement } => self.plain(secret, placement),
            Value::Token(provenance) => self.token(*provenance),
            Value::Signature(signature) => self.sign(*signature),
            Value::Certificate(certificate) => self.show(certificate),
        }
    }

    fn plain(&mut self, secret: Secret, placement: Placement) -> Result<(), Error> {
        let is_taken = |names: &[(String, Secret)], name: &str| names.iter().any(|(taken, _)| taken == name);
        match placement {
            Placement::Bearer => self.header(AUTHORIZATION, b"Bearer ", secret),
            Placement::ApiKey => self.header(header::X_API_KEY, b"", secret),
            Placement::Header { name, prefix } => {
                let name = header::settable(name.as_bytes()).ok_or_else(not_settable)?;
                self.header(name, prefix.as_bytes(), secret)
            }
            Placement::Basic => {
                let (username, password) = split_pair(&secret)?;
                self.basic(username, password)
            }
            Placement::BasicUsername => fill(&mut self.username, secret),
            Placement::BasicPassword => fill(&mut self.password, secret),
            Placement::Query { name } => {
                let query = self.draft.query.unwrap_or_default();
                if is_taken(&self.parameters, &name) || urlencoded::has_name(query.as_bytes(), &name) {
                    return Err(conflict(format!(
                        "the query already has the parameter{} of a placement",
                        named(&name)
                    )));
                }
                self.parameters.push((name, not_empty(secret)?));
                Ok(())
            }
            Placement::BodyField { name } => {
                let kind = BodyKind::of(self.draft.headers).ok_or_else(no_body_kind)?;
                if is_taken(&self.fields, &name) || kind.has_field(self.draft.body, &name) {
                    return Err(conflict(format!("the body already has the field{} of a placement", named(&name))));
                }
                self.fields.push((name, not_empty(secret)?));
                Ok(())
            }
        }
    }

    fn header(&mut self, name: HeaderName, prefix: &[u8], secret: Secret) -> Result<(), Error> {
        self.claim(&name)?;
        let value = header::value(prefix, secret.expose())?;
        self.headers.push((name, value));
        self.redactor.add(secret);
        Ok(())
    }

    fn basic(&mut self, username: Secret, password: Secret) -> Result<(), Error> {
        self.claim(&AUTHORIZATION)?;
        self.headers.push((AUTHORIZATION, header::basic(username.expose(), password.expose())?));
        self.redactor.add(Secret::from(header::pair(username.expose(), password.expose())));
        // One half can be a word that responses are full of, `api:<key>` or `<key>:x`; that one is found in the pair only.
        self.redactor.add(if password.expose().len() < SHORTEST_PASSWORD { username } else { password });
        Ok(())
    }

    /// The token comes later; its place is taken now.
    fn token(&mut self, provenance: Provenance) -> Result<(), Error> {
        self.claim(&AUTHORIZATION)?;
        if provenance.is_empty() {
            return Err(Error::new(Code::CredentialUnusable, "the secret is empty"));
        }
        let bound = provenance.bound_certificate().map(Arc::clone);
        self.token = Some(provenance);
        bound.map_or(Ok(()), |certificate| self.show(certificate))
    }

    /// A connection shows one certificate.
    fn show(&mut self, certificate: Arc<ClientCertificate>) -> Result<(), Error> {
        if certificate.is_empty() {
            return Err(Error::new(Code::CredentialUnusable, "the private key is empty"));
        }
        match self.certificate.replace(certificate) {
            None => Ok(()),
            Some(_) => Err(conflict("another credential shows a client certificate")),
        }
    }

    /// The signature is made as the request leaves; its places are free now. Their names stay under the seal.
    fn sign(&mut self, mut signature: Signature) -> Result<(), Error> {
        let query = self.draft.query.unwrap_or_default();
        let (headers, parameters) = (signature.headers(), signature.parameters());
        let is_filled = |name: &HeaderName| {
            let is_tokens = self.token.is_some() && *name == AUTHORIZATION;
            is_tokens || self.headers.iter().any(|(taken, _)| taken == name)
        };
        if headers.iter().any(|name| self.draft.headers.contains_key(*name)) {
            return Err(conflict("the request sets a header that it fills"));
        }
        if headers.iter().any(|name| self.draft.key_header == Some(*name)) {
            return Err(conflict(
                "the idempotency key goes into a header that it fills: give the service another idempotency_header",
            ));
        }
        if parameters.iter().any(|name| urlencoded::has_name(query.as_bytes(), name)) {
            return Err(conflict("the query already has a parameter that it fills"));
        }
        let is_parameter = |name: &str| self.parameters.iter().any(|(taken, _)| taken == name);
        if headers.into_iter().any(is_filled) || parameters.into_iter().any(is_parameter) {
            return Err(conflict("another credential fills the same header or parameter"));
        }
        let role = signature.take_role();
        match self.signature.replace(signature) {
            None => {
                self.token = self.token.take().or(role.map(|role| Provenance::Role(Box::new(role))));
                Ok(())
            }
            Some(_) => Err(conflict("another credential signs the request")),
        }
    }

    /// Takes a header for a credential, once.
    fn claim(&self, name: &HeaderName) -> Result<(), Error> {
        if self.draft.headers.contains_key(name) {
            let why = format!("the request sets the header \"{name}\", which it fills");
            return Err(Error::new(Code::HeaderNotAllowed, why));
        }
        if self.draft.key_header == Some(name) {
            return Err(filled_with_key(name));
        }
        let has_token = self.token.is_some() && *name == AUTHORIZATION;
        let is_signatures = self.signature.as_ref().is_some_and(|signature| signature.headers().contains(&name));
        if has_token || is_signatures || self.headers.iter().any(|(taken, _)| taken == name) {
            // An `api_key` names its header under the seal, so the name stays there.
            return Err(conflict("another credential fills the same header"));
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Placed, Error> {
        match (self.username.take(), self.password.take()) {
            (Some(username), Some(password)) => {
                self.basic(username, password).map_err(|error| error.about("basic_username and basic_password"))?;
            }
            (None, None) => {}
            _ => return Err(Error::new(Code::Malformed, "basic_username and basic_password need each other")),
        }
        let query = if self.parameters.is_empty() {
            None
        } else {
            let query = urlencoded::append(self.draft.query.unwrap_or_default().as_bytes(), &self.parameters);
            Some(into_text(query)?)
        };
        let body = if self.fields.is_empty() {
            None
        } else {
            let kind = BodyKind::of(self.draft.headers).ok_or_else(no_body_kind)?;
            Some(kind.with_fields(self.draft.body, &self.fields)?)
        };
        let Self { headers, parameters, fields, token, signature, certificate, mut redactor, .. } = self;
        parameters.into_iter().chain(fields).for_each(|(_, secret)| redactor.add(secret));
        Ok(Placed { headers, query, body, redactor, token, signature, certificate })
    }
}

fn fill(place: &mut Option<Secret>, secret: Secret) -> Result<(), Error> {
    match place.replace(secret) {
        None => Ok(()),
        Some(_) => Err(conflict("another credential is the same half of a pair")),
    }
}

/// An empty value would send the request as if it had no credential.
fn not_empty(secret: Secret) -> Result<Secret, Error> {
    if secret.expose().is_empty() {
        return Err(Error::new(Code::CredentialUnusable, "the secret is empty"));
    }
    Ok(secret)
}

fn split_pair(secret: &Secret) -> Result<(Secret, Secret), Error> {
    let bytes = secret.expose();
    let colon = bytes.iter().position(|byte| *byte == b':');
    let halves = colon.and_then(|colon| Some((bytes.get(..colon)?, bytes.get(colon + 1..)?)));
    let (username, password) = halves.ok_or_else(|| {
        Error::new(Code::CredentialUnusable, "a secret placed as basic is a user name, a colon and a password")
    })?;
    Ok((Secret::new(username.to_vec()), Secret::new(password.to_vec())))
}

/// The caller's query is text and what was appended is ASCII, so this is text.
fn into_text(mut bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, Error> {
    String::from_utf8(std::mem::take(&mut *bytes)).map(Zeroizing::new).map_err(|error| {
        drop(Zeroizing::new(error.into_bytes()));
        Error::new(Code::Malformed, "the query is not text")
    })
}
