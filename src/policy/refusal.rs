//! Refusals, and how they name what a policy allows. What is sealed with a credential is never listed.

use crate::error::{Code, Error};

/// How many entries are listed: nobody reads more in one line.
const MOST: usize = 8;

/// How many bytes the listed entries may have together.
const MOST_BYTES: usize = 512;

/// A document, or a value in it, that does not have its form.
pub(super) fn malformed(message: &'static str) -> Error {
    Error::new(Code::Malformed, message)
}

/// A refusal in the place of a result.
pub(super) fn refuse<T>(code: Code, message: &'static str) -> Result<T, Error> {
    Err(Error::new(code, message))
}

/// A refusal that names the entries of the list in question, and the command that tries others.
pub(super) fn listing<'a>(code: Code, what: &str, entries: impl ExactSizeIterator<Item = &'a str>) -> Error {
    let all = entries.len();
    let mut listed = Vec::new();
    let mut room = MOST_BYTES;
    for entry in entries.take(MOST) {
        let Some(left) = room.checked_sub(entry.len()) else { break };
        room = left;
        listed.push(format!("\"{entry}\""));
    }
    let more = match all.saturating_sub(listed.len()) {
        _ if all == 0 => ", which is empty".to_owned(),
        0 => format!(": {}", listed.join(", ")),
        _ if listed.is_empty() => ", whose entries are too long to list".to_owned(),
        rest => format!(": {} and {rest} more", listed.join(", ")),
    };
    Error::new(code, format!("{what}{more}; secure-outbound explain tries a request without sending it"))
}
