//! One request and the head of its answer.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::body::{Witness, WitnessBody};
use super::classify;
use super::client::{HttpClient, Network, Way};
use super::connection::{Facts, InUse};
use super::frames::INTERIM_ANSWERS;
use super::runtime::tick;
use crate::error::{Code, Error, Sent};

const HEADER_FIELDS: usize = 100;

/// An answer whose head has come; its body is still on the wire.
pub struct Answer {
    /// The head, and the body to come.
    pub response: Response<Incoming>,
    /// What the exchange used.
    pub exchange: Exchange,
}

/// An exchange without an acceptable answer.
pub struct Failure {
    /// What went wrong, with `sent` as it was on the wire.
    pub error: Error,
    /// The other side says that it has not processed the request, or cannot have seen any of it.
    pub unprocessed: bool,
    /// An HTTP/1.1 connection ended before the first byte of an answer.
    pub unanswered: bool,
    /// The other side wants the request by HTTP/1.1, and the next connection will speak it.
    pub http1_next: bool,
    /// What the exchange used.
    pub exchange: Exchange,
}

impl Failure {
    /// One of which nothing else is known.
    fn plain(error: Error, exchange: Exchange) -> Box<Self> {
        Box::new(Self { error, unprocessed: false, unanswered: false, http1_next: false, exchange })
    }
}

/// What one exchange used, for the audit record.
#[derive(Debug, Default)]
pub struct Exchange {
    /// The connection, once there was one.
    pub connection: Option<InUse>,
    /// Whether no connect was needed.
    pub reused: bool,
    /// What the connection takes of the body.
    pub body: Arc<Witness>,
}

impl Network {
    /// Sends a request and waits for the head of its answer, inside the deadline.
    pub async fn exchange(&self, request: Request<Bytes>, way: Way, deadline: Instant) -> Result<Answer, Box<Failure>> {
        let (gate, pool) = (self.gate(request.uri()), self.pool(way));
        let client = self.client(pool, std::time::Instant::now());
        let ended = self.exchange_by(client, &gate, request, deadline).await;
        let used = ended.as_ref().map_or_else(|failure| &failure.exchange, |answer| &answer.exchange);
        if let Some(connection) = used.connection.as_ref().filter(|_| !used.reused) {
            pool.note(connection.facts());
        }
        if pool.make_room() {
            // They hang up now, and not with the next call.
            tick().await;
        }
        ended
    }

    /// The same by this client, behind this gate.
    pub(super) async fn exchange_by(
        &self,
        client: HttpClient,
        gate: &Semaphore,
        request: Request<Bytes>,
        deadline: Instant,
    ) -> Result<Answer, Box<Failure>> {
        let (parts, body) = request.into_parts();
        let (body, witness) = WitnessBody::new(body);
        let mut request = Request::from_parts(parts, body);
        let interim = InterimLimit::watch(&mut request);
        let connection = capture_connection(&mut request);
        let mut watch = Watch::new(connection.clone(), witness);
        let finished = timeout_at(deadline, async {
            // Whoever has waited as long as a dial may take goes on without a permit: callers in line behind a host that does
            // not answer would wait for each other.
            let mut dial = timeout(self.connect_timeout(), gate.acquire()).await.ok();
            let mut answer = pin!(client.request(request));
            let mut noted = false;
            loop {
                tokio::select! {
                    biased;
                    answer = &mut answer => break answer.map_err(|error| classify::exchange_error(&error)),
                    () = interim.exceeded.notified() => {
                        break Err(InterimLimit::error().into());
                    }
                    () = connected(&mut watch.connection), if !noted => {
                        noted = true;
                        drop(dial.take());
                        watch.connected();
                    }
                }
            }
        })
        .await;
        if finished.is_err() {
            watch.give_up_where_silent();
        }
        watch.connected();
        let ended = match finished {
            Ok(Ok(mut response)) => {
                response.extensions_mut().insert(connection.clone());
                let exchange = watch.exchange();
                // All of them may have come in one piece with the answer.
                let interim = if interim.is_exceeded() { Err(InterimLimit::error()) } else { Ok(()) };
                match interim.and_then(|()| check_head(&response, self.header_bytes())) {
                    Ok(()) => Ok(Answer { response, exchange }),
                    Err(error) => Err(Failure::plain(error.with_status(response.status().as_u16()), exchange)),
                }
            }
            Ok(Err(mut verdict)) => {
                let closed = verdict.error.code == Code::ClosedEarly;
                let wants_http1 = closed && (verdict.wants_http1 || watch.is_left_for_http1());
                if wants_http1 {
                    verdict.error = classify::wants_http1(self.http1());
                }
                // A connection that ends as soon as it is there hands the request back before any of it was written. So does the
                // pool, where a request waited for another one's dial that failed.
                let unprocessed = verdict.unprocessed || closed && !watch.witness.taken();
                let sent = if unprocessed { Sent::No } else { watch.sent() };
                Err(Box::new(Failure {
                    error: verdict.error.sent(sent),
                    // Where nothing but HTTP/2 may be spoken, it would only be refused again.
                    unprocessed: unprocessed && (!wants_http1 || self.http1()),
                    unanswered: closed && watch.unanswered(),
                    http1_next: wants_http1 && self.http1(),
                    exchange: watch.exchange(),
                }))
            }
            Err(_) => {
                let error = Error::new(Code::TotalTimeout, "no answer came within timeout_ms").sent(watch.sent());
                Err(Failure::plain(error, watch.exchange()))
            }
        };
        let (error, used) = match &ended {
            Ok(answer) => (None, &answer.exchange),
            Err(failure) => (Some(&failure.error), &failure.exchange),
        };
        if is_last(error, used.connection.as_deref()) {
            forsake(&connection);
        }
        ended
    }
}

/// Whether nothing is to follow on a connection: whoever answers what is no HTTP may be at odds with us about where the next
/// answer begins, and whoever wants HTTP/1.1 has it on another one.
pub(super) fn is_last(error: Option<&Error>, connection: Option<&Facts>) -> bool {
    error.is_some_and(|error| error.code == Code::ProtocolInvalid) || connection.is_some_and(Facts::wants_http1)
}

/// Keeps a connection from being used again. Requests that are on it already go on.
pub(super) fn forsake(connection: &CaptureConnection) {
    if let Some(connected) = &*connection.connection_metadata() {
        connected.poison();
    }
}

async fn connected(connection: &mut CaptureConnection) {
    connection.wait_for_connection_metadata().await;
}

/// Follows one request to its connection.
struct Watch {
    connection: CaptureConnection,
    witness: Arc<Witness>,
    facts: Option<InUse>,
    reused: bool,
    /// What had come on the connection when the request went to it.
    received: u64,
}

impl Watch {
    fn new(connection: CaptureConnection, witness: Arc<Witness>) -> Self {
        Self { connection, witness, facts: None, reused: false, received: 0 }
    }

    /// Notes the connection of the moment: an idle one that turns out closed hands the request back, and another one is
    /// made.
    fn connected(&mut self) {
        if let Some(facts) = self.current()
            && !self.knows(&facts)
        {
            self.reused = facts.use_once();
            self.received = facts.received();
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

    fn sent(&self) -> Sent {
        if self.witness.taken() { Sent::Maybe } else { Sent::No }
    }

    /// Whether an HTTP/1.1 connection ended before the first byte of an answer.
    fn unanswered(&self) -> bool {
        self.facts.as_ref().is_some_and(|facts| !facts.http2 && facts.unanswered())
    }

    /// Whether the server left the connection because it wants HTTP/1.1.
    fn is_left_for_http1(&self) -> bool {
        self.facts.as_ref().is_some_and(|facts| facts.leaves_for_http1())
    }

    /// Keeps an HTTP/2 connection from being used again on which nothing came since the request went to it: the other side
    /// may be gone without a word. Streams that are open on it go on, and may still be answered. Of a connection that was not
    /// noted when the request went to it, nobody can tell.
    fn give_up_where_silent(&self) {
        let silent = |facts: &Arc<Facts>| facts.http2 && facts.received() == self.received;
        if self.current().is_some_and(|facts| self.knows(&facts) && silent(&facts)) {
            forsake(&self.connection);
        }
    }

    fn exchange(self) -> Exchange {
        Exchange { connection: self.facts, reused: self.reused, body: self.witness }
    }
}

/// Counts interim answers of HTTP/1.1. On HTTP/2 the stack does not report them, and the connection counts them itself.
#[derive(Default)]
struct InterimLimit {
    count: AtomicU32,
    exceeded: Notify,
}

impl InterimLimit {
    fn watch(request: &mut Request<WitnessBody>) -> Arc<Self> {
        let limit = Arc::new(Self::default());
        let counter = Arc::clone(&limit);
        hyper::ext::on_informational(request, move |_| {
            if counter.count.fetch_add(1, Ordering::AcqRel) >= INTERIM_ANSWERS {
                counter.exceeded.notify_one();
            }
        });
        limit
    }

    fn is_exceeded(&self) -> bool {
        self.count.load(Ordering::Acquire) > INTERIM_ANSWERS
    }

    fn error() -> Error {
        Error::new(Code::ProtocolInvalid, "the server sent more than 100 interim answers")
    }
}

fn check_head(response: &Response<Incoming>, cap: usize) -> Result<(), Error> {
    let invalid = |message| Err(Error::new(Code::ProtocolInvalid, message));
    let headers = response.headers();
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return invalid("the server switched protocols, which nobody asked for");
    }
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return invalid("the server sent transfer-encoding together with content-length");
    }
    // The stack below undoes chunked and hands anything else to the caller as if it were the body.
    if headers.get_all(TRANSFER_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"chunked"))
        || headers.get_all(TRANSFER_ENCODING).iter().count() > 1
    {
        return invalid("the server sent a transfer-encoding other than chunked");
    }
    if headers.len() > HEADER_FIELDS || head_bytes(headers) > cap {
        return invalid("the head of the server's answer is too large");
    }
    Ok(())
}

/// The size of a head as RFC 9113 section 6.5.2 counts it, less the 32 bytes a field.
fn head_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
