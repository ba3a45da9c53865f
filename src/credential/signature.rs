//! The last step before the wire: a request is signed as it leaves, anew for every attempt.

use http::HeaderName;

use super::hmac::Hmac;
use super::unsigned::{Fresh, Signed, Unsigned};
use crate::error::Error;

/// How a request is signed, as it was sealed.
pub enum Signature {
    /// A keyed hash of a template.
    Hmac(Hmac),
}

impl Signature {
    /// Signs a request. What it computes with stays on the stack, which the caller wipes.
    pub fn sign(&self, request: &Unsigned<'_>, fresh: &Fresh) -> Result<Signed, Error> {
        match self {
            Self::Hmac(hmac) => hmac.sign(request, fresh),
        }
    }

    /// The header fields that it fills.
    pub(super) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        match self {
            Self::Hmac(hmac) => hmac.headers(),
        }
    }

    /// The parameters of the query that it fills.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::Hmac(hmac) => hmac.parameters(),
        }
    }
}
