//! Where the token of a request comes from, as it was sealed.

use std::sync::Arc;

use super::assume_role::AssumeRole;
use super::grant::{Authority, Consent, Grant};
use super::jwt::Jwt;
use crate::error::Error;
use crate::sign::ClientCertificate;

/// Where the token comes from that a request carries, or the keys that sign it.
pub enum Provenance {
    /// A token endpoint grants it.
    Grant(Grant),
    /// A sealed key signs it.
    Jwt(Jwt),
    /// STS gives temporary keys for a role.
    Role(Box<AssumeRole>),
}

impl Provenance {
    /// Where the token is asked for, if it is.
    pub fn token_url(&self) -> Option<&str> {
        match self {
            Self::Grant(grant) => Some(&grant.token_url),
            Self::Jwt(jwt) => jwt.exchange.as_ref().map(|exchange| exchange.url.as_str()),
            Self::Role(role) => Some(&role.role.url),
        }
    }

    /// Whether that is a URL of the API itself, which a service must not call.
    pub fn is_exchanged(&self) -> bool {
        matches!(self, Self::Jwt(Jwt { exchange: Some(_), .. }) | Self::Role(_))
    }

    /// The certificate that the token endpoint is to see, as it was sealed with this.
    pub fn certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.grant().and_then(Grant::certificate)
    }

    /// The same for the API, where the token is bound to it.
    pub(super) fn bound_certificate(&self) -> Option<&Arc<ClientCertificate>> {
        self.grant().and_then(Grant::bound_certificate)
    }

    /// Whether it needs the certificate of another credential.
    pub fn needs_certificate(&self) -> bool {
        self.grant().is_some_and(Grant::needs_certificate)
    }

    /// The consent that it rests on, where it is one, with the grant that has it.
    pub fn consent(&self) -> Option<(&Grant, &Consent)> {
        self.grant().and_then(|grant| match &grant.by {
            Authority::Consent(consent) => Some((grant, consent)),
            Authority::Client(_) | Authority::Assertion(_) => None,
        })
    }

    fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Grant(grant) => Some(grant),
            Self::Jwt(_) | Self::Role(_) => None,
        }
    }

    /// Refuses what only the next token would be refused for: a key that cannot sign.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Grant(grant) => grant.check(),
            Self::Jwt(jwt) => jwt.signer.key().map(drop),
            Self::Role(_) => Ok(()),
        }
    }

    /// Whether the secret is empty.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Grant(grant) => grant.is_empty(),
            Self::Jwt(jwt) => jwt.signer.private_key.expose().is_empty(),
            // Shorter keys than those of AWS are no payload.
            Self::Role(_) => false,
        }
    }
}
