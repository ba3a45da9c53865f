//! One request and the head of its response.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;

use http::Request;
use hyper_util::client::legacy::connect::capture_connection;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout, timeout_at};

use super::body::{Content, Witness, WitnessBody};
use super::body_task::{BodyTask, BodyTaskEnd};
use super::classify;
use super::client::HttpClient;
use super::connector;
use super::family;
use super::head::{self, InterimLimit};
#[cfg(feature = "http3")]
use super::http3::exchange::{ByHttp3, by_http3};
use super::lookahead::Incoming;
use super::network::Network;
use super::poll::poll_sockets;
use super::pool::Pool;
use super::response::Response;
use super::terms::{Failure, Terms, idle_error};
use super::tls;
use super::watch::{Line, Watch, is_last, use_no_more};
use crate::error::{Code, Error, Sent};

impl Network {
    /// Sends a request and waits for the head of its response. `witness` sees what leaves of it.
    pub async fn exchange(
        &self,
        request: Request<Content>,
        witness: Arc<Witness>,
        terms: Terms<'_>,
    ) -> Result<Response, Box<Failure>> {
        // A connection that is made beside them is held until the request has one, which is this where hyper's client has no other.
        #[cfg(feature = "http3")]
        let _held = match terms.http3 {
            None => None,
            Some(_) => match Box::pin(by_http3(self, &request, &witness, terms)).await {
                ByHttp3::Sent(ended) => return *ended,
                ByHttp3::OverTcp(held) => held,
            },
        };
        let gate = self.gate(request.uri());
        if terms.beside {
            // What goes on beside others is not to make the state of calls that wait any larger.
            return Box::pin(self.exchange_by(None, &gate, request, witness, terms)).await;
        }
        let pool = self.pool(terms.way);
        let client = self.client(pool, std::time::Instant::now());
        let ended = self.exchange_by(Some(&client), &gate, request, witness, terms).await;
        // The connections of a pool that begins anew close only when nobody has its client any more.
        drop(client);
        let observed = ended.as_ref().map_or_else(|failure| &failure.observed, Response::observed);
        if let Some(connection) = observed.connection.as_ref().filter(|_| !observed.reused) {
            pool.note(connection.facts());
        }
        make_room(pool).await;
        ended
    }

    /// The same by this client, or by that of the lane that has room when it is its turn, behind this gate.
    pub(super) async fn exchange_by(
        &self,
        client: Option<&HttpClient>,
        gate: &Semaphore,
        request: Request<Content>,
        witness: Arc<Witness>,
        terms: Terms<'_>,
    ) -> Result<Response, Box<Failure>> {
        let (parts, body) = request.into_parts();
        let method = parts.method.clone();
        let sender = terms.beside.then(Arc::<BodyTask>::default);
        let body = WitnessBody::new(body, Arc::clone(&witness), sender.clone());
        let mut request = Request::from_parts(parts, body);
        let interim = InterimLimit::watch(&mut request);
        let connection = capture_connection(&mut request);
        let mut watch = Watch::new(connection.clone(), Arc::clone(&witness));
        let mut place = None;
        let finished = timeout_at(terms.deadline, async {
            // Whoever has waited as long as a dial may take goes on without a permit: callers in line behind a host that does
            // not respond would wait for each other.
            let mut connecting: Waited<'_> = terms.connect.map(|limit| Box::pin(sleep(limit)) as Pin<Box<_>>);
            let patience = terms.connect.unwrap_or_else(|| self.connect_timeout());
            let mut dial = timeout(patience, gate.acquire()).await.ok();
            let of_lane;
            let client = match client {
                Some(client) => client,
                None => {
                    let (taken, client) = self.place(request.uri(), terms.way);
                    place = Some(taken);
                    of_lane = Box::new(client);
                    &*of_lane
                }
            };
            let mut response = client.request(request);
            let mut response = poll_fn(|cx| family::together(|| Pin::new(&mut response).poll(cx)));
            let mut noted = false;
            let mut idle: Waited<'_> = terms.idle.map(|limit| Box::pin(limit.exceeded_by(&witness)) as Pin<Box<_>>);
            let mut settling: Waited<'_> = None;
            loop {
                tokio::select! {
                    biased;
                    response = &mut response => break response.map_err(|error| classify::exchange_error(&error)),
                    () = interim.exceeded() => break Err(InterimLimit::error().into()),
                    () = watch.wait_for_connection(), if !noted => {
                        noted = true;
                        connecting = None;
                        watch.connected();
                        settling = place.as_ref().zip(watch.connection()).map(|(place, connection)| {
                            place.connected(&connection);
                            // How many may share it is known when its server has said so.
                            Box::pin(async move { connection.settled().await }) as Pin<Box<_>>
                        });
                        if settling.is_none() {
                            drop(dial.take());
                        }
                    }
                    () = waited(&mut settling), if settling.is_some() => {
                        settling = None;
                        drop(dial.take());
                    }
                    () = waited(&mut connecting), if connecting.is_some() => break Err(connector::late().into()),
                    () = waited(&mut idle), if idle.is_some() => break Err(idle_error().into()),
                }
            }
        })
        .await;
        let idle = matches!(&finished, Ok(Err(cause)) if cause.error.code == Code::IdleTimeout);
        if finished.is_err() || idle {
            watch.give_up_where_silent();
        }
        watch.connected();
        if let (Some(place), Some(connection)) = (&place, watch.first_use()) {
            place.pool().note(connection);
            make_room(place.pool()).await;
        }
        let ended = match finished {
            Ok(Ok(response)) => {
                let observed = watch.observed();
                // All of them may have come in one piece with the response.
                let interim = if interim.is_exceeded() { Err(InterimLimit::error()) } else { Ok(()) };
                match interim.and_then(|()| head::check(&response, self.header_bytes())) {
                    Ok(()) => Ok(Response::new(
                        response.map(Incoming::Tcp),
                        method,
                        Line::Tcp(connection.clone()),
                        observed,
                        sender.map(BodyTaskEnd),
                        place,
                    )),
                    Err(error) => Err(Failure::plain(error.with_status(response.status().as_u16()), observed)),
                }
            }
            Ok(Err(mut cause)) => {
                // The server was still in its handshake then, and has processed none of the request.
                let judgement = cause.alert.or_else(|| watch.alert()).filter(|alert| tls::judges_client(*alert));
                if let Some(alert) = judgement.filter(|_| self.is_certified()) {
                    cause.error = tls::client_refused(alert);
                }
                let closed = cause.error.code == Code::ClosedEarly;
                let wants_http1 = closed && (cause.wants_http1 || watch.is_left_for_http1());
                if wants_http1 {
                    cause.error = classify::wants_http1(self.http1());
                }
                // A connection that ends as soon as it is there hands the request back before any of it was written. So does the
                // pool, where a request waited for another one's dial that failed.
                let unprocessed = cause.unprocessed || closed && watch.sent() == Sent::No;
                let sent = if unprocessed || judgement.is_some() { Sent::No } else { watch.sent() };
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

/// Closes idle connections where there are too many, and not with the next call.
async fn make_room(pool: &Pool) {
    if pool.make_room() {
        poll_sockets().await;
    }
}

/// What only some exchanges wait for, and is not to make the state of the others larger.
type Waited<'a> = Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>;

async fn waited(what: &mut Waited<'_>) {
    if let Some(what) = what {
        what.await;
    }
}
