//! A response whose head has come, and what is done with its body.

use std::sync::Arc;

use http::response::Parts;
use http::{HeaderMap, Method, StatusCode, Version};
use tokio::time::Instant;

use super::body_task::BodyTaskEnd;
use super::decode::{Taker, decode_beginning, drain_body, is_decoded, pass_body, read_body};
use super::idle::IdleLimit;
use super::lanes::LanePlace;
use super::lookahead::{Incoming, Lookahead};
use super::watch::{Line, Observed, is_last};
use crate::document::ByteLimit;
use crate::error::Error;
use crate::sys::Buffer;

/// A response whose head has come; its body is still on the wire.
pub struct Response {
    head: Parts,
    body: Lookahead,
    method: Method,
    connection: Line,
    observed: Observed,
    sender: Option<BodyTaskEnd>,
    /// Of an exchange that goes on beside others.
    place: Option<LanePlace>,
}

/// A response, whole.
pub struct Collected {
    /// Its status.
    pub status: StatusCode,
    /// By which version of HTTP it came.
    pub http_version: &'static str,
    /// Its header fields, as they came.
    pub headers: HeaderMap,
    /// Its body, content codings undone.
    pub body: Buffer,
    /// Whether there was one to undo.
    pub decoded: bool,
}

impl Response {
    /// The response to a request with this method.
    pub(super) fn new(
        response: http::Response<Incoming>,
        method: Method,
        connection: Line,
        observed: Observed,
        sender: Option<BodyTaskEnd>,
        place: Option<LanePlace>,
    ) -> Self {
        let (head, body) = response.into_parts();
        Self { head, body: Lookahead::new(body), method, connection, observed, sender, place }
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

    /// Reads the body to its end, inside the deadline. `wire` counts what arrived of it, on failure too; so does `idle`, and
    /// where the response is let go as well.
    pub async fn collect(
        self,
        cap: ByteLimit,
        deadline: Instant,
        idle: Option<&Arc<IdleLimit>>,
        wire: &mut u64,
    ) -> Result<Collected, Error> {
        let Self { head, body, method, connection, observed, sender: _sender, place: _place } = self;
        let (body, decoded) = if is_bodiless(&method, head.status) {
            (Buffer::default(), false)
        } else {
            let read = read_body(&head, body, cap, deadline, idle, wire).await;
            if is_last(read.as_ref().err(), observed.connection.as_deref()) {
                connection.use_no_more();
            }
            read.map_err(|error| error.with_status(head.status.as_u16()))?
        };
        Ok(Collected { status: head.status, http_version: version(head.version), headers: head.headers, body, decoded })
    }

    /// By which version of HTTP it came.
    pub fn http_version(&self) -> &'static str {
        version(self.head.version)
    }

    /// Whether its body is handed over without a content coding that it has.
    pub fn is_decoded(&self) -> bool {
        !self.is_bodiless() && is_decoded(&self.head.headers)
    }

    fn is_bodiless(&self) -> bool {
        is_bodiless(&self.method, self.head.status)
    }

    /// The beginning of the body, content codings undone: what comes of it by `until`, about `most` bytes. It stays to be read.
    pub async fn look(&mut self, most: usize, until: Instant) -> Buffer {
        if self.is_bodiless() {
            return Buffer::default();
        }
        let coded = self.body.look(most, until).await;
        decode_beginning(&self.head.headers, coded, most as u64).await
    }

    /// Hands the body over as it comes, until its end. `idle` counts what arrives, on failure too.
    pub async fn pass(self, cap: ByteLimit, taker: &mut impl Taker, idle: &Arc<IdleLimit>) -> Result<(), Error> {
        if self.is_bodiless() {
            return Ok(());
        }
        let Self { head, body, connection, observed, sender: _sender, place: _place, .. } = self;
        let passed = pass_body(&head, body, cap, taker, idle).await;
        if is_last(passed.as_ref().err(), observed.connection.as_deref()) {
            connection.use_no_more();
        }
        passed.map_err(|error| error.with_status(head.status.as_u16()))
    }

    /// Reads what comes of the body by `until`, up to `cap`, and says how much that was. A body that has ended by then
    /// leaves its connection fit for use.
    pub async fn drain(self, cap: u64, until: Instant) -> u64 {
        drain_body(self.body, cap, until).await
    }
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_3 => "3",
        Version::HTTP_2 => "2",
        _ => "1.1",
    }
}

fn is_bodiless(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || [204, 304].contains(&status.as_u16())
}
