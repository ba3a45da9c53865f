//! The documents that go back.

use http::{HeaderMap, HeaderValue};
use serde::Serialize;

use crate::audit::Recorder;
use crate::credential::{REDACTED, Redactor};
use crate::document::{AuditRecord, ResponseHead};
use crate::error::{Code, Error, Sent};
use crate::sys::Buffer;

/// What a call gives back.
pub struct Reply {
    /// Whether an HTTP response arrived, or an engine is open.
    pub ok: bool,
    /// UTF-8 JSON.
    pub head: Vec<u8>,
    /// The response's body.
    pub body: Buffer,
}

/// A reply of one document.
pub fn document(ok: bool, head: &impl Serialize) -> Reply {
    // These types have string keys and finite numbers only, so serde_json has nothing to refuse.
    Reply { ok, head: serde_json::to_vec(head).unwrap_or_default(), body: Buffer::default() }
}

/// The reply to a call that was refused or failed. `idempotent` says whether its request may be processed twice.
pub fn failure(error: &Error, idempotent: bool, recorder: Recorder) -> Reply {
    document(false, &ResponseHead::failure(error, idempotent, recorder.end()))
}

/// The head of such a reply, with the record of a call that has ended.
pub fn failure_head(error: &Error, idempotent: bool, audit: AuditRecord) -> Vec<u8> {
    document(false, &ResponseHead::failure(error, idempotent, audit)).head
}

/// The reply after a panic, by this transport. Nothing is known of what had been sent.
pub fn panic_reply(transport: &'static str) -> Reply {
    let error = Error::new(Code::Panic, "the library has a bug; please report what was called, without its data");
    failure(&error.sent(Sent::Maybe), false, Recorder::begin(transport))
}

/// A response's header fields as documents have them. A value that holds an injected secret is replaced: `Location` echoes
/// query parameters. A field that the caller itself sent, with the same name and whole value, is shown: hiding it would
/// confirm a secret to a caller who guesses it and lets the API echo the guess.
pub fn header_fields(
    headers: &HeaderMap,
    decoded: bool,
    redactor: &Redactor,
    callers: &HeaderMap,
) -> Vec<(String, String)> {
    let stays = |name: &str| !(decoded && (name == "content-encoding" || name == "content-length"));
    let field = |(name, value): (&http::HeaderName, &HeaderValue)| {
        let bytes = value.as_bytes();
        let is_callers = || callers.get_all(name).iter().any(|own| own.as_bytes() == bytes);
        let text = if redactor.finds(bytes) && !is_callers() {
            REDACTED.to_owned()
        } else {
            bytes.iter().map(|byte| char::from(*byte)).collect()
        };
        (name.as_str().to_owned(), text)
    };
    headers.iter().filter(|(name, _)| stays(name.as_str())).map(field).collect()
}
