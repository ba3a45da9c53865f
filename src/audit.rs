//! The metadata of one call, gathered while it goes on.
//!
//! `engine`, above, tells the [`Recorder`] what happens, and decides by [`Outcome`] too. `net`, below, counts what leaves and
//! knows the connection; `document` has the record's form, which never holds a path, a query, a header, a body or a secret.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use http::StatusCode;
use jiff::Timestamp;

use crate::document::{AuditRecord, CallHead, ServiceHead};
use crate::error::{Code, Sent};
use crate::net::{Observed, Witness};
use crate::policy::Origin;
use crate::text::printable;

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub enum Outcome {
    /// The head of a response came.
    Response(StatusCode),
    /// There is none that could be taken.
    Failed {
        /// Why.
        code: Code,
        /// How far this attempt had got, whatever the earlier ones had.
        sent: Sent,
    },
}

/// Gathers an [`AuditRecord`].
pub struct Recorder {
    begun: Instant,
    record: AuditRecord,
    /// The bodies of all exchanges. They may go on leaving after their responses have begun.
    bodies: Vec<Arc<Witness>>,
    responded: bool,
}

impl Recorder {
    /// Begins with the call.
    pub fn begin(transport: &'static str) -> Self {
        let record = AuditRecord {
            timestamp: format!("{:.3}", Timestamp::now()),
            transport,
            library_version: env!("CARGO_PKG_VERSION"),
            ..AuditRecord::default()
        };
        Self { begun: Instant::now(), record, bodies: Vec::new(), responded: false }
    }

    /// When the call came in; its deadline counts from here.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// The transport that it was begun with.
    pub fn transport(&self) -> &'static str {
        self.record.transport
    }

    /// Notes what the request says of itself.
    pub fn request(&mut self, service: &ServiceHead, call: &CallHead) {
        self.record.service_id = Some(service.service_id.clone());
        self.record.correlation_id = call.correlation_id.clone();
        self.record.method = Some(printable(&call.method).into_owned());
        self.record.credentials =
            service.credentials.iter().map(|credential| printable(&credential.identifier).into_owned()).collect();
    }

    /// Notes where the request wants to go, as far as its URL can be read.
    pub fn origin(&mut self, origin: Option<Origin>) {
        self.record.host = origin.as_ref().map(|origin| origin.host.to_string());
        self.record.port = origin.map(|origin| origin.port);
    }

    /// Notes the pattern that matched.
    pub fn path_template(&mut self, template: Option<&str>) {
        self.record.path_template = template.map(printable).map(Cow::into_owned);
    }

    /// Notes who resolves the target's name, where a proxy serves it.
    pub fn proxied(&mut self, resolve: Option<&'static str>) {
        self.record.proxy_resolve = resolve;
    }

    /// Counts an attempt.
    pub fn attempt(&mut self) {
        self.record.attempts += 1;
    }

    /// Notes how the current attempt ended: the code of its failure, or a response that is an error by its status. Where
    /// both come, one after the other, the later one stays.
    pub fn attempt_ended(&mut self, outcome: Outcome) {
        let error = match outcome {
            Outcome::Failed { code, .. } => Cow::Borrowed(code.as_str()),
            Outcome::Response(status) if status.as_u16() >= 400 => Cow::Owned(format!("http_{}", status.as_u16())),
            Outcome::Response(_) => return,
        };
        let earlier = self.record.attempts.saturating_sub(1) as usize;
        self.record.attempt_errors.truncate(earlier);
        self.record.attempt_errors.push(error);
    }

    /// Notes that the caller left the current attempt, if it had not failed before.
    pub fn attempt_left(&mut self, code: Code) {
        if self.record.attempt_errors.len() < self.record.attempts as usize {
            self.attempt_ended(Outcome::Failed { code, sent: self.sent() });
        }
    }

    /// Counts what leaves of a request from now on.
    pub fn leaving(&mut self) -> Arc<Witness> {
        let witness = Arc::<Witness>::default();
        self.bodies.push(Arc::clone(&witness));
        witness
    }

    /// Notes that a response's status line was seen.
    pub fn responded(&mut self) {
        self.responded = true;
    }

    /// How far the call has got.
    pub fn sent(&self) -> Sent {
        match self.responded {
            true => Sent::Yes,
            false if self.bodies.iter().any(|body| body.taken()) => Sent::Maybe,
            false => Sent::No,
        }
    }

    /// Notes what was seen of an exchange.
    pub fn exchange(&mut self, observed: &Observed) {
        if let Some(connection) = &observed.connection {
            self.record.remote_address = connection.remote.map(|address| address.ip().to_string());
            self.record.tls_version = connection.tls_version;
            self.record.http_version = Some(connection.http_version);
            self.record.connection_reused = Some(observed.reused);
        }
    }

    /// Counts token requests.
    pub fn token_requests(&mut self, requests: u32) {
        self.record.token_requests += requests;
    }

    /// Notes a response's status.
    pub fn status(&mut self, status: u16) {
        self.record.status = Some(status);
    }

    /// Counts body bytes in.
    pub fn received(&mut self, bytes: u64) {
        self.record.bytes_in += bytes;
    }

    /// Ends with the call.
    pub fn end(mut self) -> AuditRecord {
        self.record.bytes_out = self.bodies.iter().map(|body| body.bytes()).sum();
        self.record.duration_us = u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.record
    }
}
