//! The last step before the wire: a request is signed as it leaves, anew for every attempt.

use http::HeaderName;

use super::aws_request;
use super::aws_sigv4::AwsSigV4;
use super::hmac::Hmac;
use super::unsigned::{Fresh, Signed, Unsigned};
use crate::error::Error;

/// How a request is signed, as it was sealed.
pub enum Signature {
    /// A keyed hash of a template.
    Hmac(Hmac),
    /// AWS Signature Version 4, in a header.
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

    /// Whether the query has a parameter that is not for a request to have, beside those that are filled.
    pub(super) fn is_in_query(&self, query: &str) -> bool {
        matches!(self, Self::AwsSigV4(_)) && aws_request::has_parameter_of_signature(query)
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
            Self::AwsSigV4(_) => Vec::new(),
        }
    }
}
