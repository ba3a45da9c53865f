//! The last step before the wire: a request is signed as it leaves, anew for every attempt.

use http::HeaderName;

use super::aws_sigv4::AwsSigV4;
use super::hmac::Hmac;
use super::unsigned::{Fresh, Signed, Unsigned};
use crate::error::Error;

/// How a request is signed, as it was sealed.
pub enum Signature {
    /// A keyed hash of a template.
    Hmac(Hmac),
    /// AWS Signature Version 4, in the header or in the query.
    AwsSigV4(AwsSigV4),
}

impl Signature {
    /// Signs a request. What it computes with stays on the stack, which the caller wipes.
    pub fn sign(&self, request: &Unsigned<'_>, fresh: &Fresh) -> Result<Signed, Error> {
        match self {
            Self::Hmac(hmac) => hmac.sign(request, fresh),
            Self::AwsSigV4(key) => key.sign(request, fresh),
        }
    }

    /// Whether it says when it was made.
    pub fn is_timed(&self) -> bool {
        match self {
            Self::Hmac(hmac) => hmac.is_timed(),
            Self::AwsSigV4(_) => true,
        }
    }

    /// The header fields that it fills.
    pub(super) fn headers(&self) -> Vec<&HeaderName> {
        match self {
            Self::Hmac(hmac) => hmac.headers().collect(),
            Self::AwsSigV4(key) => key.headers().collect(),
        }
    }

    /// The parameters of the query that it fills.
    pub(super) fn parameters(&self) -> Vec<&str> {
        match self {
            Self::Hmac(hmac) => hmac.parameters().collect(),
            Self::AwsSigV4(key) => key.parameters().to_vec(),
        }
    }

    /// The service of AWS that it is for.
    pub(super) fn service(&self) -> Option<&str> {
        match self {
            Self::Hmac(_) => None,
            Self::AwsSigV4(key) => Some(&key.service),
        }
    }
}
