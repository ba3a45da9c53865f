//! Assuming a role: the sealed keys sign the request to STS, whose answer signs the others.

use http::{HeaderMap, Method, Uri};
use jiff::Timestamp;

use super::aws_keys::AwsKeys;
use super::aws_sigv4::AwsSigV4;
use super::role::Role;
use super::unsigned::{Fresh, Signed, Unsigned};
use crate::error::Error;

/// A role to assume, and the keys that may.
pub struct AssumeRole {
    /// The role.
    pub role: Role,
    signer: AwsSigV4,
}

impl AssumeRole {
    pub(super) fn new(keys: AwsKeys, role: Role) -> Self {
        Self { signer: AwsSigV4::of_sts(keys, role.region.clone()), role }
    }

    /// Signs a request to STS, of that moment.
    pub fn sign(&self, uri: &Uri, headers: &HeaderMap, body: &[u8], time: Timestamp) -> Result<Signed, Error> {
        let request = Unsigned { method: &Method::POST, uri, headers, body: Some(body), id: None };
        self.signer.sign(&request, &Fresh { time, nonce: String::new() })
    }
}
