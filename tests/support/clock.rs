//! A server whose clock is not this host's.

use jiff::{SignedDuration, Timestamp};

/// Now by a clock that is so many seconds ahead.
pub fn now(ahead: i64) -> Timestamp {
    Timestamp::now().checked_add(SignedDuration::from_secs(ahead)).expect("a time")
}

/// The same as a header's date.
pub fn date(ahead: i64) -> String {
    now(ahead).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Whether a server with that clock takes what was signed at this moment (Unix seconds): a minute before and after.
pub fn takes(ahead: i64, signed: i64) -> bool {
    (now(ahead).as_second() - signed).abs() <= 60
}
