//! Every rule by which a request is sent again, from the call down to the wire.
//!
//! - A call makes another attempt where [`repeats`] says so, as often as the policy's `max_attempts` leaves.
//! - After a 401 it sends the request again with a new access token, once, if one comes (`token`). That is no attempt.
//! - After a refusal that names the time it sends the request again, signed by the server's clock, once and not beside the other
//!   (`clock`). That is no attempt.
//! - An attempt sends a hop's request again by [`Resends`]. That is no attempt either.
//! - A body that comes in pieces is sent once: after a response nothing of these is done, and after a failure only where none of
//!   the body had left ([`body_is_left`]).
//! - hyper-util's client, below, puts a request that a connection of the pool gave back before any of it was written on
//!   another connection, until one takes it or a new connection fails; and it dials anew where the connection that a request
//!   waited for is gone. Nobody has seen anything of such a request. It switches off by `retry_canceled_requests`, and stays on.
//! - A token request that is refused with HTTP_1_1_REQUIRED goes out once more, by HTTP/1.1 (`net::one_shot`).

use http::{Method, StatusCode};

use crate::audit::Outcome;
use crate::error::{Code, Sent};
use crate::net::Content;

/// How often a hop's request that the server says it has not processed is sent again.
const UNPROCESSED: u32 = 3;

/// How often one is sent again whose HTTP/1.1 connection ended before the first byte of a response. It may have been
/// processed.
const WITHOUT_RESPONSE: u32 = 1;

/// The statuses of errors that end by themselves.
const PASSING: [StatusCode; 4] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// Whether another attempt follows one that ended so, where `left` are left.
///
/// A request that was certainly not processed may be repeated, whatever it is; one that may have been processed has to be
/// `idempotent`. Refusals, certificates and TLS would end in the same way again. A failure after a response's status line
/// belongs to that response, and the caller has to see its status.
pub fn repeats(outcome: Outcome, idempotent: bool, left: u32) -> bool {
    let is_worth_it = match outcome {
        Outcome::Response(status) => idempotent && PASSING.contains(&status),
        Outcome::Failed { code, sent } => {
            let passes = ["dns", "connect", "timeout", "protocol"].contains(&code.class());
            let is_over = [Code::TotalTimeout, Code::IdleTimeout].contains(&code);
            passes && !is_over && (sent == Sent::No || sent == Sent::Maybe && idempotent)
        }
    };
    is_worth_it && left > 0
}

/// Whether the body is there for another attempt after one that ended so.
pub fn body_is_left(body: &Content, outcome: Outcome) -> bool {
    match body {
        Content::Whole(_) => true,
        Content::InPieces(upload) => matches!(outcome, Outcome::Failed { .. }) && !upload.has_begun(),
    }
}

/// Whether a request may be processed twice: its method is idempotent (RFC 9110 section 9.2.2), or the server recognises it
/// by its key. TRACE, idempotent as well, is refused before.
pub fn is_idempotent(method: &str, has_idempotency_key: bool) -> bool {
    has_idempotency_key || ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"].contains(&method)
}

/// What is left of sending one hop's request again.
pub struct Resends {
    unprocessed: u32,
    without_response: u32,
}

impl Resends {
    /// Those of a request with this method. Without a response only a safe one goes out again (RFC 9110 section 9.2.1).
    pub fn of(method: &Method) -> Self {
        let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
        Self { unprocessed: UNPROCESSED, without_response: if is_safe { WITHOUT_RESPONSE } else { 0 } }
    }

    /// Whether to send again what was not processed, or has had no response.
    pub fn take(&mut self, is_unprocessed: bool, is_without_response: bool) -> bool {
        let left = if is_unprocessed && self.unprocessed > 0 {
            &mut self.unprocessed
        } else if is_without_response && self.without_response > 0 {
            &mut self.without_response
        } else {
            return false;
        };
        *left -= 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(code: Code, sent: Sent, idempotent: bool) -> bool {
        repeats(Outcome::Failed { code, sent }, idempotent, 1)
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
            let expected = passing.contains(&code);
            for idempotent in [true, false] {
                assert_eq!(failed(code, Sent::No, idempotent), expected, "{code:?}, idempotent {idempotent}");
            }
            assert_eq!(failed(code, Sent::Maybe, true), expected, "{code:?}, maybe");
            assert!(!failed(code, Sent::Maybe, false), "{code:?}, maybe and not idempotent");
            assert!(!failed(code, Sent::Yes, true), "{code:?}, with a response");
        }
    }

    #[test]
    fn four_responses_are_repeated_for_an_idempotent_request() {
        for status in 100..=999 {
            let status = StatusCode::from_u16(status).expect("in range");
            let expected = [429, 502, 503, 504].contains(&status.as_u16());
            assert_eq!(repeats(Outcome::Response(status), true, 1), expected, "{status}");
            assert!(!repeats(Outcome::Response(status), false, 1), "{status}");
        }
    }

    #[test]
    fn the_last_attempt_is_the_last() {
        let refused = Outcome::Failed { code: Code::ConnectRefused, sent: Sent::No };
        assert!(!repeats(refused, true, 0));
        assert!(!repeats(Outcome::Response(StatusCode::SERVICE_UNAVAILABLE), true, 0));
    }

    #[test]
    fn some_methods_are_idempotent_and_every_request_with_a_key() {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] {
            assert!(is_idempotent(method, false), "{method}");
        }
        for method in ["POST", "PATCH", "TRACE", "get", "LOCK"] {
            assert!(!is_idempotent(method, false) && is_idempotent(method, true), "{method}");
        }
    }

    #[test]
    fn a_hop_is_sent_again_a_few_times_only() {
        for (method, without_response) in [(Method::GET, 1), (Method::HEAD, 1), (Method::PUT, 0), (Method::POST, 0)] {
            let mut resends = Resends::of(&method);
            let times =
                |kind: (bool, bool), resends: &mut Resends| (0..9).take_while(|_| resends.take(kind.0, kind.1)).count();
            assert_eq!(times((false, false), &mut resends), 0, "{method}");
            assert_eq!(times((false, true), &mut resends), without_response, "{method}");
            assert_eq!(times((true, false), &mut resends), 3, "{method}");
            // A request that nobody has seen had no response either, and has both.
            assert_eq!(times((true, true), &mut Resends::of(&method)), 3 + without_response, "{method}");
        }
    }
}
