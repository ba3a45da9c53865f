//! What a request declares of its credentials, judged before an envelope is opened.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

use super::aws_sigv4;
use super::body::BodyKind;
use super::header;
use super::payload::is_in_name;
use crate::document::{CredentialKind, CredentialSpec, Placement};
use crate::error::{Code, Error};

/// Refuses declarations that make no sense, whatever the envelopes hold.
pub fn check(specs: &[CredentialSpec]) -> Result<(), Error> {
    for spec in specs {
        check_alone(spec).map_err(|error| error.of_credential(&spec.identifier))?;
    }
    let has = |wanted: Placement| specs.iter().any(|spec| spec.placement.as_ref() == Some(&wanted));
    if has(Placement::BasicUsername) != has(Placement::BasicPassword) {
        return Err(Error::new(Code::Malformed, "basic_username and basic_password need each other"));
    }
    Ok(())
}

fn check_alone(spec: &CredentialSpec) -> Result<(), Error> {
    let malformed = |message: &'static str| Err(Error::new(Code::Malformed, message));
    if (spec.kind == CredentialKind::Secret) != spec.placement.is_some() {
        return Err(misplaced());
    }
    if let Some(service) = &spec.service
        && (spec.kind != CredentialKind::AwsSigv4 || service.is_empty() || !service.bytes().all(is_in_name))
    {
        return malformed("an aws_sigv4 may name its service, in a-z 0-9 -, and nothing else has one");
    }
    match &spec.placement {
        Some(Placement::Header { name, .. }) if header::settable(name.as_bytes()).is_none() => Err(not_settable()),
        Some(Placement::Header { prefix, .. }) if !prefix.bytes().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e)) => {
            malformed("the placement's prefix must be printable ASCII")
        }
        Some(Placement::Query { name } | Placement::BodyField { name }) if name.is_empty() => {
            malformed("the placement's name is empty")
        }
        _ => Ok(()),
    }
}

/// Refuses a body that the declared fields cannot be put into.
pub fn check_body(specs: &[CredentialSpec], headers: &HeaderMap, body: &[u8]) -> Result<(), Error> {
    if !specs.iter().any(|spec| matches!(spec.placement, Some(Placement::BodyField { .. }))) {
        return Ok(());
    }
    let kind = BodyKind::of(headers).ok_or_else(no_body_kind)?;
    if kind.accepts(body) { Ok(()) } else { Err(Error::new(Code::Malformed, "the body is not a JSON object")) }
}

/// Refuses fields of a body that comes while it is sent.
pub fn check_body_in_pieces(specs: &[CredentialSpec]) -> Result<(), Error> {
    match specs.iter().find(|spec| matches!(spec.placement, Some(Placement::BodyField { .. }))) {
        None => Ok(()),
        Some(spec) => Err(Error::new(
            Code::PlacementConflict,
            format!(
                "the credential \"{}\" is put into the body, which is read in pieces while it is sent: give the body as a text",
                spec.identifier
            ),
        )),
    }
}

/// The header fields that these credentials will fill, as far as that is known without opening them: an `api_key` and an
/// `hmac` name theirs under the seal, and [`super::placement::place`] refuses the caller's field of that name.
pub fn filled_headers(specs: &[CredentialSpec]) -> Vec<HeaderName> {
    let names = |spec: &CredentialSpec| match (spec.kind, spec.placement.as_ref()) {
        (
            CredentialKind::Bearer
            | CredentialKind::Basic
            | CredentialKind::Oauth2ClientCredentials
            | CredentialKind::Oauth2JwtBearer
            | CredentialKind::Oauth2RefreshToken
            | CredentialKind::Jwt,
            _,
        ) => vec![AUTHORIZATION],
        (CredentialKind::AwsSigv4, _) => aws_sigv4::filled(spec.is_s3()).cloned().collect(),
        (CredentialKind::ApiKey | CredentialKind::Hmac | CredentialKind::Mtls, _) => Vec::new(),
        (CredentialKind::Secret, placement) => placement.and_then(filled_by).into_iter().collect(),
    };
    specs.iter().flat_map(names).collect()
}

fn filled_by(placement: &Placement) -> Option<HeaderName> {
    match placement {
        Placement::Bearer | Placement::Basic | Placement::BasicUsername | Placement::BasicPassword => {
            Some(AUTHORIZATION)
        }
        Placement::ApiKey => Some(header::X_API_KEY),
        Placement::Header { name, .. } => header::settable(name.as_bytes()),
        Placement::Query { .. } | Placement::BodyField { .. } => None,
    }
}

/// A placement is there for a plain secret, and for nothing else.
pub(super) fn misplaced() -> Error {
    Error::new(Code::Malformed, "a secret needs a placement, and nothing else has one")
}

pub(super) fn not_settable() -> Error {
    Error::new(Code::Malformed, "the placement's name is not a header name, or no credential may fill that header")
}

pub(super) fn no_body_kind() -> Error {
    Error::new(Code::Malformed, "a body field needs one content-type, of JSON or of a URL-encoded form, and no coding")
}
