//! Follows a request to its connection, and says what is seen of it there.

use std::sync::Arc;

use hyper_util::client::legacy::connect::CaptureConnection;
use rustls::AlertDescription;

use super::body::Witness;
use super::facts::{Facts, InUse, reads};
use crate::error::{Code, Error, Sent};

/// What was seen of one exchange, for the audit record.
#[derive(Debug, Default)]
pub struct Observed {
    /// The connection, once there was one.
    pub connection: Option<InUse>,
    /// Whether no connect was needed.
    pub reused: bool,
}

/// Whether nothing may follow on a connection. After a response that is not HTTP, the server and we may disagree where the
/// next one begins; a server that wants HTTP/1.1 gets it on another connection.
pub fn is_last(error: Option<&Error>, connection: Option<&Facts>) -> bool {
    error.is_some_and(|error| error.code == Code::ProtocolInvalid) || connection.is_some_and(Facts::wants_http1)
}

/// What can be kept from being used again. Requests that are on it already go on.
pub trait Retire {
    /// Keeps it from that.
    fn retire(&self);
}

/// The connection of an exchange, for as long as it goes on.
pub enum Line {
    /// One of hyper's client.
    Tcp(CaptureConnection),
    /// One of HTTP/3.
    #[cfg_attr(not(feature = "http3"), allow(dead_code, reason = "only the other build has one"))]
    Quic(Arc<dyn Retire + Send + Sync>),
}

impl Line {
    /// Keeps it from being used again. Requests that are on it already go on.
    pub fn use_no_more(&self) {
        match self {
            Self::Tcp(connection) => use_no_more(connection),
            Self::Quic(connection) => connection.retire(),
        }
    }
}

/// Keeps a connection from being used again. Requests that are on it already go on.
pub fn use_no_more(connection: &CaptureConnection) {
    if let Some(connected) = &*connection.connection_metadata() {
        connected.poison();
    }
}

/// Follows one request to its connection.
pub struct Watch {
    connection: CaptureConnection,
    witness: Arc<Witness>,
    facts: Option<InUse>,
    reused: bool,
    /// What had come on all connections before the request went to its own: whoever waits for the response may learn of the
    /// connection only after another thread has read from it.
    before: u64,
}

impl Watch {
    /// Begins before there is a connection.
    pub fn new(connection: CaptureConnection, witness: Arc<Witness>) -> Self {
        Self { connection, witness, facts: None, reused: false, before: reads() }
    }

    /// Notes the current connection: an idle one that turns out closed hands the request back, and another one is made.
    pub fn connected(&mut self) {
        if let Some(facts) = self.current()
            && !self.knows(&facts)
        {
            self.reused = facts.use_once();
            if !self.reused {
                // What came before is the handshake.
                self.before = reads();
            }
            self.facts = Some(InUse::new(facts));
        }
    }

    fn current(&self) -> Option<Arc<Facts>> {
        let mut extensions = http::Extensions::new();
        if let Some(connected) = &*self.connection.connection_metadata() {
            connected.get_extras(&mut extensions);
        }
        extensions.remove()
    }

    fn knows(&self, facts: &Arc<Facts>) -> bool {
        self.facts.as_ref().is_some_and(|known| Arc::ptr_eq(known.facts(), facts))
    }

    /// How far the request has got, as long as no response has come.
    pub fn sent(&self) -> Sent {
        if self.witness.taken() { Sent::Maybe } else { Sent::No }
    }

    /// Waits until the request has a connection.
    pub async fn wait_for_connection(&mut self) {
        self.connection.wait_for_connection_metadata().await;
    }

    /// The connection that was noted.
    pub fn connection(&self) -> Option<Arc<Facts>> {
        self.facts.as_ref().map(|facts| Arc::clone(facts.facts()))
    }

    /// The connection, where this request is the first one on it.
    pub fn first_use(&self) -> Option<&Arc<Facts>> {
        self.facts.as_ref().filter(|_| !self.reused).map(InUse::facts)
    }

    /// Whether an HTTP/1.1 connection ended before the first byte of a response.
    pub fn without_response(&self) -> bool {
        self.facts.as_ref().is_some_and(|facts| !facts.http2 && facts.without_response())
    }

    /// Whether the server left the connection because it wants HTTP/1.1.
    pub fn is_left_for_http1(&self) -> bool {
        self.facts.as_ref().is_some_and(|facts| facts.leaves_for_http1())
    }

    /// The alert of TLS by which the server has ended the connection.
    pub fn alert(&self) -> Option<AlertDescription> {
        self.facts.as_ref().and_then(|facts| facts.alert())
    }

    /// Keeps an HTTP/2 connection from being used again on which nothing came since the request went to it: the other side
    /// may be gone. Streams that are open on it go on, and may still have responses. Of a connection that was not noted when
    /// the request went to it, nobody can tell.
    pub fn give_up_where_silent(&self) {
        let silent = |facts: &Arc<Facts>| facts.http2 && facts.silent_since(self.before);
        if self.current().is_some_and(|facts| self.knows(&facts) && silent(&facts)) {
            use_no_more(&self.connection);
        }
    }

    /// What was seen.
    pub fn observed(self) -> Observed {
        Observed { connection: self.facts, reused: self.reused }
    }
}
