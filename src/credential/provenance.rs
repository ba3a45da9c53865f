//! Where the token of a request comes from, as it was sealed.

use super::grant::Grant;
use super::jwt::Jwt;
use crate::error::Error;

/// Where the token comes from that a request carries.
pub enum Provenance {
    /// A token endpoint grants it.
    Grant(Grant),
    /// A sealed key signs it.
    Jwt(Jwt),
}

impl Provenance {
    /// The token endpoint, where there is one.
    pub fn token_url(&self) -> Option<&str> {
        match self {
            Self::Grant(grant) => Some(&grant.token_url),
            Self::Jwt(_) => None,
        }
    }

    /// Refuses what only the next token would be refused for: a key that cannot sign.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Grant(grant) => grant.check(),
            Self::Jwt(jwt) => jwt.signer.key().map(drop),
        }
    }

    /// Whether the secret is empty.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Grant(grant) => grant.is_empty(),
            Self::Jwt(jwt) => jwt.signer.private_key.expose().is_empty(),
        }
    }
}
