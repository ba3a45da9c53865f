//! Whether an attempt is made again.

use crate::audit::Outcome;
use crate::error::{Code, Sent};

/// What follows an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another one, after a pause.
    Repeat,
    /// Its end is the call's.
    Stop,
}

/// The one rule of repeating. `harmless` says whether the request may be processed twice, `left` how many attempts are.
///
/// What was certainly not processed may go out again whatever it is; anything that may have been needs a harmless request.
/// Refusals, certificates and TLS stay what they are however often one asks. A failure after an answer's status line is
/// that answer's, and the caller has to see its status.
pub fn next(outcome: Outcome, harmless: bool, left: u32) -> Next {
    let worth_it = match outcome {
        Outcome::Answered(status) => harmless && [429, 502, 503, 504].contains(&status.as_u16()),
        Outcome::Failed { code, sent } => {
            let passes = ["dns", "connect", "timeout", "protocol"].contains(&code.class());
            passes && code != Code::TotalTimeout && (sent == Sent::No || sent == Sent::Maybe && harmless)
        }
    };
    if worth_it && left > 0 { Next::Repeat } else { Next::Stop }
}

/// Whether a request does no harm when it is processed twice: its method is idempotent (RFC 9110 section 9.2.2) or the
/// other side knows it again by its key. TRACE, idempotent as well, is refused before.
pub fn harmless(method: &str, has_idempotency_key: bool) -> bool {
    has_idempotency_key || ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"].contains(&method)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn failed(code: Code, sent: Sent, harmless: bool) -> Next {
        next(Outcome::Failed { code, sent }, harmless, 1)
    }

    #[test]
    fn what_was_not_processed_is_repeated_for_any_request() {
        let passing = [
            Code::DnsNotFound,
            Code::DnsFailed,
            Code::ConnectRefused,
            Code::ConnectFailed,
            Code::ProxyRefused,
            Code::ConnectTimeout,
            Code::ClosedEarly,
            Code::ProtocolInvalid,
        ];
        for code in Code::ALL.iter().copied() {
            let expected = if passing.contains(&code) { Next::Repeat } else { Next::Stop };
            for harmless in [true, false] {
                assert_eq!(failed(code, Sent::No, harmless), expected, "{code:?}, harmless {harmless}");
            }
            assert_eq!(failed(code, Sent::Maybe, true), expected, "{code:?}, maybe");
            assert_eq!(failed(code, Sent::Maybe, false), Next::Stop, "{code:?}, maybe and not harmless");
            assert_eq!(failed(code, Sent::Yes, true), Next::Stop, "{code:?}, answered");
        }
    }

    #[test]
    fn four_answers_are_repeated_for_a_harmless_request() {
        for status in 100..=999 {
            let status = StatusCode::from_u16(status).expect("in range");
            let repeated = [429, 502, 503, 504].contains(&status.as_u16());
            let expected = if repeated { Next::Repeat } else { Next::Stop };
            assert_eq!(next(Outcome::Answered(status), true, 1), expected, "{status}");
            assert_eq!(next(Outcome::Answered(status), false, 1), Next::Stop, "{status}");
        }
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        let refused = Outcome::Failed { code: Code::ConnectRefused, sent: Sent::No };
        assert_eq!(next(refused, true, 0), Next::Stop);
        assert_eq!(next(Outcome::Answered(StatusCode::SERVICE_UNAVAILABLE), true, 0), Next::Stop);
    }

    #[test]
    fn idempotent_methods_and_keyed_requests_are_harmless() {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
            assert!(harmless(method, false), "{method}");
        }
        for method in ["POST", "PATCH", "TRACE", "get", "LOCK"] {
            assert!(!harmless(method, false) && harmless(method, true), "{method}");
        }
    }
}
