//! What an exchange is given, and how it fails.

use std::time::Duration;

use tokio::time::Instant;

use super::idle::IdleLimit;
use super::network::Way;
use super::watch::Observed;
use crate::error::{Code, Error};

/// An exchange without an acceptable response.
pub struct Failure {
    /// What went wrong, with `sent` as it was on the wire.
    pub error: Error,
    /// The other side says that it has not processed the request, or cannot have seen any of it.
    pub unprocessed: bool,
    /// An HTTP/1.1 connection ended before the first byte of a response.
    pub without_response: bool,
    /// The other side wants the request by HTTP/1.1, and the next connection will speak it.
    pub http1_next: bool,
    /// What was seen of the exchange.
    pub observed: Observed,
}

impl Failure {
    /// A failure of which nothing else is known.
    pub fn plain(error: Error, observed: Observed) -> Box<Self> {
        Box::new(Self { error, unprocessed: false, without_response: false, http1_next: false, observed })
    }
}

/// What an exchange is given.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Who chose its origin.
    pub way: Way,
    /// When its response's head has to be there.
    pub deadline: Instant,
    /// How long making a connection may take, where that is less than the network's own limit.
    pub connect: Option<Duration>,
    /// Whether it goes on beside others.
    pub beside: bool,
    /// How long nothing may come of it, where anybody looks at that.
    pub idle: Option<&'a IdleLimit>,
    /// Where its origin is known to have HTTP/3.
    pub http3: Option<QuicPort>,
}

/// A port of the origin's own host.
#[derive(Clone, Copy)]
pub struct QuicPort {
    /// Its number.
    pub number: u16,
    /// Whether the origin itself has said so (RFC 7838), and not the operator.
    pub is_alternative: bool,
}

/// Why an exchange ended of which nothing came.
pub fn idle_error() -> Error {
    Error::new(Code::IdleTimeout, "nothing came of the response within idle_timeout_ms")
}
