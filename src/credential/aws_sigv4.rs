//! The payload of `aws_sigv4`: a key of AWS, and for which region and service it signs.

use std::time::Duration;

use http::HeaderName;
use http::header::AUTHORIZATION;
use serde_json::value::RawValue;

use super::aws_keys::AwsKeys;
use super::binding::Binding;
use super::payload::{check_kind, flag, is_in_name, of_bytes, plain, seconds, utf8};
use super::role::{self, Role};
use crate::document::{CredentialKind, S3};
use crate::secret::json::{Invalid, members};

pub(super) const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
pub(super) const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
pub(super) const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// The fields that every such signature fills, whatever else is sealed.
static FILLED: [HeaderName; 3] = [AUTHORIZATION, X_AMZ_DATE, X_AMZ_SECURITY_TOKEN];

/// The field that it fills for S3 alone.
static FILLED_FOR_S3: [HeaderName; 1] = [X_AMZ_CONTENT_SHA256];

/// The parameters that it fills in the query.
static PARAMETERS: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
];

/// How long a signature in the query is good for, where the payload says nothing, and at most.
const LIFETIME: Duration = Duration::from_secs(5 * 60);
const LONGEST_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How a key of AWS signs, as it was sealed.
pub struct AwsSigV4 {
    /// What it signs with. None where the sealed ones were taken to get temporary ones, until these are there.
    pub(super) keys: Option<AwsKeys>,
    /// The role whose temporary keys sign in place of the sealed ones.
    pub(super) role: Option<Role>,
    pub(super) region: String,
    pub(super) service: String,
    pub(super) unsigned_payload: bool,
    pub(super) place: SignedIn,
}

/// Where the signature goes.
pub(super) enum SignedIn {
    Header,
    /// Into the query, and the URL is good for so long.
    Query(Duration),
}

/// Reads a payload.
pub(super) fn parse(payload: &[u8]) -> Result<(AwsSigV4, Binding), Invalid> {
    let names = [
        "access_key_id",
        "secret_access_key",
        "session_token",
        "region",
        "service",
        "unsigned_payload",
        "in",
        "lifetime",
        "exchange",
        "type",
        "binding",
    ];
    let [key_id, secret_key, token, region, service, unsigned, place, lifetime, exchange, kind, binding] =
        members(utf8(payload)?, names)?;
    check_kind(kind, CredentialKind::AwsSigv4)?;
    let region = of_bytes(region, is_in_name)?;
    let signer = AwsSigV4 {
        keys: Some(AwsKeys::sealed(key_id, secret_key, token)?),
        role: exchange.map(|exchange| role::parse(exchange, &region)).transpose()?,
        region,
        service: of_bytes(service, is_in_name)?,
        unsigned_payload: unsigned.map_or(Ok(false), flag)?,
        place: of(place, lifetime)?,
    };
    let is_sound = (signer.is_s3() || !signer.unsigned_payload)
        && (signer.is_header() || !signer.is_s3() || signer.unsigned_payload);
    if !is_sound {
        return Err(Invalid);
    }
    Ok((signer, Binding::of_key(binding)?))
}

/// The place, and for how long where it is the query.
fn of(place: Option<&RawValue>, lifetime: Option<&RawValue>) -> Result<SignedIn, Invalid> {
    let lifetime = lifetime.map(|lifetime| seconds(lifetime, LONGEST_LIFETIME)).transpose()?;
    match (place.map(plain).transpose()?.as_deref(), lifetime) {
        (None | Some("header"), None) => Ok(SignedIn::Header),
        (Some("query"), lifetime) => Ok(SignedIn::Query(lifetime.unwrap_or(LIFETIME))),
        _ => Err(Invalid),
    }
}

/// The fields that a signature fills.
pub(super) fn filled(is_s3: bool) -> impl Iterator<Item = &'static HeaderName> {
    let of_s3: &[HeaderName] = if is_s3 { &FILLED_FOR_S3 } else { &[] };
    FILLED.iter().chain(of_s3)
}

impl AwsSigV4 {
    /// What signs requests to STS, in the header.
    pub(super) fn of_sts(keys: AwsKeys, region: String) -> Self {
        let (service, place) = ("sts".to_owned(), SignedIn::Header);
        Self { keys: Some(keys), role: None, region, service, unsigned_payload: false, place }
    }

    pub(super) fn is_s3(&self) -> bool {
        self.service == S3
    }

    fn is_header(&self) -> bool {
        matches!(self.place, SignedIn::Header)
    }

    /// The fields that nothing else may fill: those of the header form in the query form too, whose servers take one signature.
    pub(super) fn headers(&self) -> impl Iterator<Item = &'static HeaderName> {
        filled(self.is_s3())
    }

    /// The parameters of the query that it fills.
    pub(super) fn parameters(&self) -> &[&str] {
        if self.is_header() { &[] } else { &PARAMETERS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    #[test]
    fn misspelt_is_refused() {
        for (payload, is_sound) in section::<Vec<(String, bool)>>("aws_sigv4s") {
            assert_eq!(parse(payload.as_bytes()).is_ok(), is_sound, "{payload}");
        }
    }
}
