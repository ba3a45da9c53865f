//! The last step before the wire: a request is signed as it leaves, anew for every attempt.

use http::HeaderName;

use super::assume_role::AssumeRole;
use super::aws_keys::AwsKeys;
use super::aws_sigv4::AwsSigV4;
use super::hmac::Hmac;
use super::role::Role;
use super::unsigned::{Fresh, Signed, Unsigned};
use crate::error::{Code, Error};
use crate::secret::LockedSecret;

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

    /// Signs with these keys from now on, which were got for it.
    pub fn use_keys(&mut self, joined: &LockedSecret) -> Result<(), Error> {
        let foreign = || Error::new(Code::CredentialUnusable, "its temporary keys are not keys of AWS");
        match self {
            Self::Hmac(_) => Err(foreign()),
            Self::AwsSigV4(key) => {
                key.keys = Some(AwsKeys::split(joined.expose()).ok_or_else(foreign)?);
                Ok(())
            }
        }
    }

    /// The role whose keys it signs with, if not with the sealed ones.
    pub(super) fn role(&self) -> Option<&Role> {
        match self {
            Self::Hmac(_) => None,
            Self::AwsSigV4(key) => key.role.as_ref(),
        }
    }

    /// What gets them, with the sealed ones.
    pub(super) fn take_role(&mut self) -> Option<AssumeRole> {
        match self {
            Self::Hmac(_) => None,
            Self::AwsSigV4(key) => {
                let role = key.role.take()?;
                Some(AssumeRole::new(key.keys.take()?, role))
            }
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
