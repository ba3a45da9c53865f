//! What a refusal says of this host's clock.
//!
//! What is signed says when, and a receiver refuses what is too old or from the future. Where its refusal names the time, its own
//! clock tells how far this one is off. Nobody else's does: not a cache's, and not that of a peer without TLS.

use std::fmt;

use http::header::{AGE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, StatusCode};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::net;

/// What is less is no reason to refuse anything. A `Date` has whole seconds, and the response takes a while.
const SMALLEST: SignedDuration = SignedDuration::from_secs(5);

/// A clock that is further off is told and not corrected: what is signed for another time could be used then.
const LARGEST: SignedDuration = SignedDuration::from_secs(15 * 60);

/// Names of refusals for the time, in lower case: S3's, those of AWS's other services, RFC 6750's, those of APNs and GitHub, and what
/// receivers of signed requests say of theirs.
const NAMES: [&str; 9] = [
    "requesttimetooskewed",
    "requestexpired",
    "requestinthefuture",
    "signature expired",
    "signature not yet current",
    "invalid_token",
    "expiredprovidertoken",
    "issued at' claim",
    "timestamp",
];

/// Where a name may stand beside the body.
static FIELDS: [HeaderName; 2] = [WWW_AUTHENTICATE, HeaderName::from_static("x-amzn-errortype")];

/// How far a server's clock is ahead of this host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Skew(SignedDuration);

impl Skew {
    /// By the `Date` of a response that comes from an origin itself, over TLS. None where it has none, where a cache has kept it,
    /// and where the clocks agree.
    pub fn of(headers: &HeaderMap, now: Timestamp) -> Option<Self> {
        let date = net::date(headers).filter(|_| !headers.contains_key(AGE))?;
        let skew = date.duration_since(Offset::UTC.to_datetime(now));
        (skew.abs() >= SMALLEST).then_some(Self(skew))
    }

    /// Whether it is small enough to sign once more by the server's clock.
    pub fn is_corrected(self) -> bool {
        self.0.abs() <= LARGEST
    }

    /// This moment by the server's clock.
    pub fn correct(self, now: Timestamp) -> Timestamp {
        now.checked_add(self.0).unwrap_or(now)
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.0.is_positive() { "behind" } else { "ahead of" };
        write!(f, "this host's clock is {} s {side} the server's", self.0.abs().as_secs())
    }
}

/// Whether a response with this status may be a refusal for the time.
pub fn may_refuse(status: StatusCode) -> bool {
    [StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status)
}

/// Whether such a response names the time: in its header, or in the beginning of its body.
pub fn names_time(headers: &HeaderMap, body: &[u8]) -> bool {
    names_any(&NAMES, headers, body)
}

/// Whether such a response has one of these names, which are in lower case.
pub(super) fn names_any(names: &[&str], headers: &HeaderMap, body: &[u8]) -> bool {
    let fields = FIELDS.iter().flat_map(|name| headers.get_all(name)).map(http::HeaderValue::as_bytes);
    fields.chain([body]).any(|text| {
        let text = text.to_ascii_lowercase();
        names.iter().any(|name| memchr::memmem::find(&text, name.as_bytes()).is_some())
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::DATE;

    use super::*;

    fn skew(date: &'static str, age: bool) -> Option<Skew> {
        let now = "2026-11-21T22:20:48.9Z".parse().expect("a time");
        let mut headers = HeaderMap::from_iter([(DATE, HeaderValue::from_static(date))]);
        if age {
            headers.insert(AGE, HeaderValue::from_static("0"));
        }
        Skew::of(&headers, now)
    }

    #[test]
    fn a_clock_is_off_by_what_the_origin_says() {
        for (date, corrected, told) in [
            ("Sat, 21 Nov 2026 22:20:54 GMT", true, "5 s behind"),
            ("Sat, 21 Nov 2026 22:20:43 GMT", true, "5 s ahead of"),
            ("Sat, 21 Nov 2026 22:35:48 GMT", true, "899 s behind"),
            ("Sat, 21 Nov 2026 22:05:49 GMT", true, "899 s ahead of"),
            ("Sat, 21 Nov 2026 22:35:49 GMT", false, "900 s behind"),
            ("Sat, 21 Nov 2026 22:05:48 GMT", false, "900 s ahead of"),
            ("Fri, 21 Nov 2036 22:20:48 GMT", false, "315619199 s behind"),
        ] {
            let skew = skew(date, false).expect(date);
            assert_eq!(skew.is_corrected(), corrected, "{date}");
            assert_eq!(skew.to_string(), format!("this host's clock is {told} the server's"), "{date}");
        }
        for date in ["Sat, 21 Nov 2026 22:20:53 GMT", "Sat, 21 Nov 2026 22:20:44 GMT", "now", ""] {
            assert_eq!(skew(date, false), None, "{date}");
        }
        assert_eq!(skew("Sat, 21 Nov 2026 22:25:54 GMT", true), None, "a cache has kept it");
    }

    #[test]
    fn a_refusal_names_the_time() {
        let none = HeaderMap::new();
        for body in [
            "<Error><Code>RequestTimeTooSkewed</Code></Error>",
            r#"{"__type":"InvalidSignatureException","message":"Signature expired: 20261121T222048Z is now earlier than …"}"#,
            r#"{"message":"'Issued at' claim ('iat') must be an Integer"}"#,
            r#"{"reason":"ExpiredProviderToken"}"#,
            "Message timestamp too old",
        ] {
            assert!(names_time(&none, body.as_bytes()), "{body}");
        }
        for body in ["", "<Code>SignatureDoesNotMatch</Code>", r#"{"error":"forbidden"}"#] {
            assert!(!names_time(&none, body.as_bytes()), "{body}");
        }
        let field = |name: &'static str, value| {
            HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))])
        };
        assert!(names_time(&field("www-authenticate", r#"Bearer error="invalid_token""#), b""));
        assert!(names_time(&field("x-amzn-errortype", "RequestExpired"), b""));
        assert!(!names_time(&field("x-other", "RequestExpired"), b""));
    }
}
