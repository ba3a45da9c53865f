//! The payload of `jwt`: the key that signs a token, and what the token says.

use std::time::Duration;

use serde_json::value::RawValue;

use super::binding::Binding;
use super::grant::Signer;
use super::payload::{added, algorithm, check_kind, flag, plain, seconds, utf8};
use crate::document::CredentialKind;
use crate::secret::json::{Invalid, entries, members, text};
use crate::sign::SigningAlgorithm;

/// How long a token is valid unless the payload says otherwise, at least, and at most. The last minute of it is never used.
const USUAL: Duration = Duration::from_secs(600);
const SHORTEST: Duration = Duration::from_secs(120);
const LONGEST: Duration = Duration::from_secs(3600);

/// Claims with keys of their own in the payload, and those that are the library's.
const OWN_CLAIMS: [&str; 7] = ["iss", "sub", "aud", "iat", "nbf", "exp", "jti"];

/// A signed token that is the bearer's, as it was sealed.
pub struct Jwt {
    /// Who signs, and for how long.
    pub signer: Signer,
    /// Who says so.
    pub issuer: Option<String>,
    /// About whom.
    pub subject: Option<String>,
    /// What else the token says: names, and JSON.
    pub claims: Vec<(String, Box<RawValue>)>,
    /// Where it is exchanged for the token that is sent, if it is not that itself.
    pub exchange: Option<TokenExchange>,
    /// Whether the token itself says when it ends. Some receivers count from when it was issued.
    pub says_end: bool,
}

/// What a signed token is exchanged for, and where: a POST that has it as bearer.
pub struct TokenExchange {
    /// An absolute URL.
    pub url: String,
    /// The request's body, a JSON object.
    pub body: Option<Box<RawValue>>,
    /// The member of the response that has the token.
    pub member: String,
}

/// Reads a payload. The key is parsed where it signs.
pub(super) fn parse(payload: &[u8]) -> Result<(Jwt, Binding), Invalid> {
    let names =
        ["private_key", "alg", "iss", "sub", "aud", "kid", "lifetime", "claims", "exp", "exchange", "type", "binding"];
    let [key, alg, issuer, subject, audience, key_id, lifetime, claims, exp, exchange, kind, binding] =
        members(utf8(payload)?, names)?;
    check_kind(kind, CredentialKind::Jwt)?;
    let known = [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::Ps256];
    let lifetime = lifetime.map(|lifetime| seconds(lifetime, LONGEST)).transpose()?.unwrap_or(USUAL);
    if lifetime < SHORTEST {
        return Err(Invalid);
    }
    let signer = Signer {
        private_key: text(key.ok_or(Invalid)?)?,
        algorithm: algorithm(alg.ok_or(Invalid)?, &known)?,
        key_id: key_id.map(plain).transpose()?,
        thumbprint: None,
        audience: audience.map(plain).transpose()?,
        lifetime,
    };
    let claims = claims.map(|claims| added(claims, &OWN_CLAIMS)).transpose()?.unwrap_or_default();
    let jwt = Jwt {
        signer,
        issuer: issuer.map(plain).transpose()?,
        subject: subject.map(plain).transpose()?,
        claims: claims.into_iter().map(|(name, value)| (name, value.to_owned())).collect(),
        exchange: exchange.map(token_exchange).transpose()?,
        says_end: exp.map_or(Ok(true), flag)?,
    };
    Ok((jwt, Binding::of_key(binding)?))
}

fn token_exchange(value: &RawValue) -> Result<TokenExchange, Invalid> {
    let [url, body, member] = members(value.get(), ["url", "body", "token"])?;
    // An object, whatever its members say.
    body.map(|body| entries(body.get())).transpose()?;
    Ok(TokenExchange {
        url: plain(url.ok_or(Invalid)?)?,
        body: body.map(ToOwned::to_owned),
        member: member.map(plain).transpose()?.unwrap_or_else(|| "token".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    #[test]
    fn misspelt_is_refused() {
        for (payload, is_sound) in section::<Vec<(String, bool)>>("jwts") {
            let read = parse(payload.as_bytes()).is_ok_and(|(jwt, _)| jwt.signer.key().is_ok());
            assert_eq!(read, is_sound, "{payload}");
        }
    }
}
