//! What the payloads of all types have in common.

use std::str;

use serde_json::value::RawValue;

use crate::document::CredentialKind;
use crate::secret::json::{Invalid, text};

/// The payload as the text that it has to be.
pub(super) fn utf8(payload: &[u8]) -> Result<&str, Invalid> {
    str::from_utf8(payload).map_err(|_| Invalid)
}

/// Refuses a payload that says of itself that it is of another type.
pub(super) fn check_kind(kind: Option<&RawValue>, declared: CredentialKind) -> Result<(), Invalid> {
    let Some(kind) = kind else { return Ok(()) };
    if text(kind)?.expose() == declared.as_str().as_bytes() { Ok(()) } else { Err(Invalid) }
}

/// The texts of a JSON array of nothing else.
pub(super) fn list(value: &RawValue) -> Result<Vec<String>, Invalid> {
    serde_json::from_str(value.get()).map_err(|_| Invalid)
}
