//! One request and the head of its response.

use std::pin::pin;

use bytes::Bytes;
use http::Request;
use hyper_util::client::legacy::connect::capture_connection;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use super::body::WitnessBody;
use super::classify;
use super::client::HttpClient;
use super::head::{self, InterimLimit};
use super::network::{Network, Way};
use super::poll::poll_sockets;
use super::response::Response;
use super::watch::{Observed, Watch, is_last, use_no_more};
use crate::error::{Code, Error, Sent};

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
    fn plain(error: Error, observed: Observed) -> Box<Self> {
        Box::new(Self { error, unprocessed: false, without_response: false, http1_next: false, observed })
    }
}

impl Network {
    /// Sends a request and waits for the head of its response, inside the deadline.
    pub async fn exchange(
        &self,
        request: Request<Bytes>,
        way: Way,
        deadline: Instant,
    ) -> Result<Response, Box<Failure>> {
        let (gate, pool) = (self.gate(request.uri()), self.pool(way));
        let client = self.client(pool, std::time::Instant::now());
        let ended = self.exchange_by(client, &gate, request, deadline).await;
        let observed = ended.as_ref().map_or_else(|failure| &failure.observed, Response::observed);
        if let Some(connection) = observed.connection.as_ref().filter(|_| !observed.reused) {
            pool.note(connection.facts());
        }
        if pool.make_room() {
            // They close now, and not with the next call.
            poll_sockets().await;
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
    ) -> Result<Response, Box<Failure>> {
        let (parts, body) = request.into_parts();
        let method = parts.method.clone();
        let (body, witness) = WitnessBody::new(body);
        let mut request = Request::from_parts(parts, body);
        let interim = InterimLimit::watch(&mut request);
        let connection = capture_connection(&mut request);
        let mut watch = Watch::new(connection.clone(), witness);
        let finished = timeout_at(deadline, async {
            // Whoever has waited as long as a dial may take goes on without a permit: callers in line behind a host that does
            // not respond would wait for each other.
            let mut dial = timeout(self.connect_timeout(), gate.acquire()).await.ok();
            let mut response = pin!(client.request(request));
            let mut noted = false;
            loop {
                tokio::select! {
                    biased;
                    response = &mut response => break response.map_err(|error| classify::exchange_error(&error)),
                    () = interim.exceeded() => break Err(InterimLimit::error().into()),
                    () = watch.wait_for_connection(), if !noted => {
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
            Ok(Ok(response)) => {
                let observed = watch.observed();
                // All of them may have come in one piece with the response.
                let interim = if interim.is_exceeded() { Err(InterimLimit::error()) } else { Ok(()) };
                match interim.and_then(|()| head::check(&response, self.header_bytes())) {
                    Ok(()) => Ok(Response::new(response, method, connection.clone(), observed)),
                    Err(error) => Err(Failure::plain(error.with_status(response.status().as_u16()), observed)),
                }
            }
            Ok(Err(mut cause)) => {
                let closed = cause.error.code == Code::ClosedEarly;
                let wants_http1 = closed && (cause.wants_http1 || watch.is_left_for_http1());
                if wants_http1 {
                    cause.error = classify::wants_http1(self.http1());
                }
                // A connection that ends as soon as it is there hands the request back before any of it was written. So does the
                // pool, where a request waited for another one's dial that failed.
                let unprocessed = cause.unprocessed || closed && watch.sent() == Sent::No;
                let sent = if unprocessed { Sent::No } else { watch.sent() };
                Err(Box::new(Failure {
                    error: cause.error.sent(sent),
                    // Where nothing but HTTP/2 may be spoken, it would only be refused again.
                    unprocessed: unprocessed && (!wants_http1 || self.http1()),
                    without_response: closed && watch.without_response(),
                    http1_next: wants_http1 && self.http1(),
                    observed: watch.observed(),
                }))
            }
            Err(_) => {
                let error = Error::new(Code::TotalTimeout, "no response came within timeout_ms").sent(watch.sent());
                Err(Failure::plain(error, watch.observed()))
            }
        };
        let (error, observed) = match &ended {
            Ok(response) => (None, response.observed()),
            Err(failure) => (Some(&failure.error), &failure.observed),
        };
        if is_last(error, observed.connection.as_deref()) {
            use_no_more(&connection);
        }
        ended
    }
}
