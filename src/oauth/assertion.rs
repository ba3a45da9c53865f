//! The assertion of a token request: claims that the payload has sealed, and the library's own, signed with the sealed key.

use std::borrow::Cow;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::credential::{Client, JwtBearer, Signer};
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::sign::{self, SigningKey};
use crate::sys::random;

/// A name and its JSON.
type Claim<'a> = (&'a str, Cow<'a, str>);

/// The assertion of RFC 7523 section 2.1, which begins to be valid now (in Unix seconds) and is used once.
pub fn of_bearer(bearer: &JwtBearer, token_url: &str, now: u64) -> Result<Secret, Error> {
    let mut claims = vec![("iss", text(&bearer.issuer))];
    claims.extend(bearer.subject.as_deref().map(|subject| ("sub", text(subject))));
    claims.extend(bearer.target_audience.as_deref().map(|target| ("target_audience", text(target))));
    claims.extend(bearer.claims.iter().map(|(name, value)| (name.as_str(), json(value))));
    signed(&bearer.signer, claims, token_url, now)
}

/// The assertion of RFC 7523 section 2.2, by which a client says who it is.
pub fn of_client(client: &Client, signer: &Signer, token_url: &str, now: u64) -> Result<Secret, Error> {
    let invalid = |_| Error::new(Code::PayloadInvalid, "the client_id is no text");
    let id = std::str::from_utf8(client.id.expose()).map_err(invalid)?;
    signed(signer, vec![("iss", text(id)), ("sub", text(id))], token_url, now)
}

/// Adds the claims that are the library's.
fn signed<'a>(signer: &'a Signer, mut claims: Vec<Claim<'a>>, token_url: &'a str, now: u64) -> Result<Secret, Error> {
    let mut id = [0; 16];
    random::fill(&mut id)
        .ok_or_else(|| Error::new(Code::CredentialUnusable, "there is no randomness for an assertion"))?;
    claims.push(("aud", text(signer.audience.as_deref().unwrap_or(token_url))));
    claims.push(("iat", now.to_string().into()));
    claims.push(("exp", now.saturating_add(signer.lifetime.as_secs()).to_string().into()));
    claims.push(("jti", text(&sign::encoded(&id))));
    let key = signer.key()?;
    sign::compact(&key, &header(signer, &key), &object(&claims))
}

fn header(signer: &Signer, key: &SigningKey) -> Zeroizing<Vec<u8>> {
    let mut header = vec![("alg", text(key.algorithm().name())), ("typ", text("JWT"))];
    header.extend(signer.thumbprint.as_deref().map(|digest| ("x5t#S256", text(digest))));
    header.extend(signer.key_id.as_deref().map(|id| ("kid", text(id))));
    object(&header)
}

fn text<'a>(text: &str) -> Cow<'a, str> {
    serde_json::Value::from(text).to_string().into()
}

fn json(value: &RawValue) -> Cow<'_, str> {
    value.get().into()
}

fn object(members: &[Claim<'_>]) -> Zeroizing<Vec<u8>> {
    let members: Vec<String> = members.iter().map(|(name, value)| format!("{}:{value}", text(name))).collect();
    Zeroizing::new(format!("{{{}}}", members.join(",")).into_bytes())
}
