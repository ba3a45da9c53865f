//! A response whose head has come, and what is done with its body.

use http::response::Parts;
use http::{HeaderMap, Method, StatusCode, Version};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::CaptureConnection;
use tokio::time::Instant;

use super::decode::{drain_body, read_body};
use super::watch::{Observed, is_last, use_no_more};
use crate::document::ByteLimit;
use crate::error::Error;

/// A response whose head has come; its body is still on the wire.
pub struct Response {
    head: Parts,
    body: Incoming,
    method: Method,
    connection: CaptureConnection,
    observed: Observed,
}

/// A response, whole.
pub struct Collected {
    /// Its status.
    pub status: StatusCode,
    /// Whether it came by HTTP/2.
    pub http2: bool,
    /// Its header fields, as they came.
    pub headers: HeaderMap,
    /// Its body, content codings undone.
    pub body: Vec<u8>,
    /// Whether there was one to undo.
    pub decoded: bool,
}

impl Response {
    /// The response to a request with this method.
    pub(super) fn new(
        response: http::Response<Incoming>,
        method: Method,
        connection: CaptureConnection,
        observed: Observed,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self { head, body, method, connection, observed }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.head.status
    }

    /// The header fields.
    pub fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    /// What was seen of its exchange.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// Reads the body to its end, inside the deadline. `wire` counts what arrived of it, on failure too.
    pub async fn collect(self, cap: ByteLimit, deadline: Instant, wire: &mut u64) -> Result<Collected, Error> {
        let Self { head, body, method, connection, observed } = self;
        let is_bodiless = method == Method::HEAD || [204, 304].contains(&head.status.as_u16());
        let (body, decoded) = if is_bodiless {
            (Vec::new(), false)
        } else {
            let read = read_body(&head, body, cap, deadline, wire).await;
            if is_last(read.as_ref().err(), observed.connection.as_deref()) {
                use_no_more(&connection);
            }
            read.map_err(|error| error.with_status(head.status.as_u16()))?
        };
        Ok(Collected {
            status: head.status,
            http2: head.version == Version::HTTP_2,
            headers: head.headers,
            body,
            decoded,
        })
    }

    /// Reads what comes of the body by `until`, up to `cap`, and says how much that was. A body that has ended by then
    /// leaves its connection fit for use.
    pub async fn drain(self, cap: u64, until: Instant) -> u64 {
        drain_body(self.body, cap, until).await
    }
}
