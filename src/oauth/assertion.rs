//! What is signed with a sealed key: the assertion of a token request, and a token itself. Claims that the payload has sealed, and the
//! library's own.

use std::borrow::Cow;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::credential::{Client, Jwt, JwtBearer, Signer};
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
    once(&bearer.signer, claims, token_url, now)
}

/// The assertion of RFC 7523 section 2.2, by which a client says who it is.
pub fn of_client(client: &Client, signer: &Signer, token_url: &str, now: u64) -> Result<Secret, Error> {
    let invalid = |_| Error::new(Code::PayloadInvalid, "the client_id is no text");
    let id = std::str::from_utf8(client.id.expose()).map_err(invalid)?;
    once(signer, vec![("iss", text(id)), ("sub", text(id))], token_url, now)
}

/// A token that is used until its end, so it has no `jti` by which a receiver could take it for one that comes twice.
pub fn of_jwt(jwt: &Jwt, now: u64) -> Result<Secret, Error> {
    let mut claims: Vec<Claim<'_>> = Vec::new();
    claims.extend(jwt.issuer.as_deref().map(|issuer| ("iss", text(issuer))));
    claims.extend(jwt.subject.as_deref().map(|subject| ("sub", text(subject))));
    claims.extend(jwt.signer.audience.as_deref().map(|audience| ("aud", text(audience))));
    claims.push(("iat", now.to_string().into()));
    claims.extend(jwt.says_end.then(|| ("exp", end(&jwt.signer, now))));
    claims.extend(jwt.claims.iter().map(|(name, value)| (name.as_str(), json(value))));
    signed(&jwt.signer, &claims)
}

/// Adds the claims that are the library's to an assertion, which is used once.
fn once<'a>(signer: &'a Signer, mut claims: Vec<Claim<'a>>, token_url: &'a str, now: u64) -> Result<Secret, Error> {
    let mut id = [0; 16];
    random::fill(&mut id)
        .ok_or_else(|| Error::new(Code::CredentialUnusable, "there is no randomness for an assertion"))?;
    claims.push(("aud", text(signer.audience.as_deref().unwrap_or(token_url))));
    claims.push(("iat", now.to_string().into()));
    claims.push(("exp", end(signer, now)));
    claims.push(("jti", text(&sign::encoded(&id))));
    signed(signer, &claims)
}

fn end(signer: &Signer, now: u64) -> Cow<'static, str> {
    now.saturating_add(signer.lifetime.as_secs()).to_string().into()
}

fn signed(signer: &Signer, claims: &[Claim<'_>]) -> Result<Secret, Error> {
    let key = signer.key()?;
    sign::compact(&key, &header(signer, &key), &object(claims))
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
