//! What the payloads of all types have in common.

use std::str;
use std::time::Duration;

use serde_json::value::RawValue;

use crate::document::CredentialKind;
use crate::secret::json::{Invalid, entries, text};
use crate::sign::SigningAlgorithm;

/// The payload as the text that it has to be.
pub(super) fn utf8(payload: &[u8]) -> Result<&str, Invalid> {
    str::from_utf8(payload).map_err(|_| Invalid)
}

/// Refuses a payload that says of itself that it is of another type.
pub(super) fn check_kind(kind: Option<&RawValue>, declared: CredentialKind) -> Result<(), Invalid> {
    let Some(kind) = kind else { return Ok(()) };
    if text(kind)?.expose() == declared.as_str().as_bytes() { Ok(()) } else { Err(Invalid) }
}

/// A JSON string that is not empty and not secret.
pub(super) fn plain(value: &RawValue) -> Result<String, Invalid> {
    let text: String = serde_json::from_str(value.get()).map_err(|_| Invalid)?;
    if text.is_empty() { Err(Invalid) } else { Ok(text) }
}

/// Whether names of AWS's regions and services have this byte.
pub(super) fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// A text of such bytes alone, and of one at least.
pub(super) fn of_bytes(value: Option<&RawValue>, is_allowed: impl Fn(u8) -> bool) -> Result<String, Invalid> {
    let text = plain(value.ok_or(Invalid)?)?;
    if text.bytes().all(is_allowed) { Ok(text) } else { Err(Invalid) }
}

/// True or false.
pub(super) fn flag(value: &RawValue) -> Result<bool, Invalid> {
    serde_json::from_str(value.get()).map_err(|_| Invalid)
}

/// The texts of a JSON array of nothing else.
pub(super) fn list(value: &RawValue) -> Result<Vec<String>, Invalid> {
    serde_json::from_str(value.get()).map_err(|_| Invalid)
}

/// RFC 6749 section 3.3. A blank would make two scopes of one.
pub(super) fn scopes(value: &RawValue) -> Result<Vec<String>, Invalid> {
    let is_scope = |scope: &String| {
        !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    let scopes = list(value)?;
    if scopes.iter().all(is_scope) { Ok(scopes) } else { Err(Invalid) }
}

/// A name or a URI (RFC 6749 section 8.1). An empty one says that there is none.
pub(super) fn name_of_bearer(value: &RawValue) -> Result<String, Invalid> {
    let name: String = serde_json::from_str(value.get()).map_err(|_| Invalid)?;
    if name.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(name) } else { Err(Invalid) }
}

/// Members with names of their own choice, which are not empty and not the library's.
pub(super) fn added<'a>(value: &'a RawValue, own: &[&str]) -> Result<Vec<(String, &'a RawValue)>, Invalid> {
    let added = entries(value.get())?;
    let is_free = |name: &str| !name.is_empty() && !own.contains(&name);
    if added.iter().all(|(name, _)| is_free(name)) { Ok(added) } else { Err(Invalid) }
}

/// One of these algorithms.
pub(super) fn algorithm(value: &RawValue, known: &[SigningAlgorithm]) -> Result<SigningAlgorithm, Invalid> {
    SigningAlgorithm::from_name(&plain(value)?).filter(|algorithm| known.contains(algorithm)).ok_or(Invalid)
}

/// Whole seconds, one at least.
pub(super) fn seconds(value: &RawValue, longest: Duration) -> Result<Duration, Invalid> {
    let seconds = Duration::from_secs(serde_json::from_str(value.get()).map_err(|_| Invalid)?);
    if (Duration::from_secs(1)..=longest).contains(&seconds) { Ok(seconds) } else { Err(Invalid) }
}
