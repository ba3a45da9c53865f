//! One request over HTTP/3, and the head of its response.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Buf;
use h3::client::RequestStream;
use http::header::{CONTENT_LENGTH, HeaderName};
use http::{HeaderValue, Method, Request, Uri};
use http_body::Body as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::connect::{Winner, race};
use super::connection::Connection;
use super::failure::{cause, unsent};
use super::pool::QuicConnections;
use super::quic::{Both, OPENING, Opened, Opening, Send};
use super::response::{Body, Sender, is_well_formed, length};
use crate::error::{Code, Error, Sent};
use crate::net::body::{Content, Leaving, Witness, WitnessBody};
use crate::net::classify::{self, Cause};
use crate::net::connector::{self, Connector, HeldConnection, late};
use crate::net::facts::InUse;
use crate::net::frames::INTERIM_RESPONSES;
use crate::net::head::{self, InterimLimit};
use crate::net::http1::origin as origin_of;
use crate::net::lookahead::Incoming;
use crate::net::network::Network;
use crate::net::poll::poll_sockets;
use crate::net::response::Response;
use crate::net::terms::{Failure, QuicPort, Terms, idle_error};
use crate::net::watch::{Line, Observed, Retire};
use crate::net::{tasks, tls};

const ALT_USED: HeaderName = HeaderName::from_static("alt-used");

/// What became of a request for which HTTP/3 was tried.
pub enum ByHttp3 {
    /// It was sent.
    Sent(Box<Result<Response, Box<Failure>>>),
    /// It goes by TCP, on this connection if there is one.
    OverTcp(Option<HeldConnection>),
}

/// Sends a request by HTTP/3, if a connection can be had.
pub async fn by_http3(
    network: &Network,
    request: &Request<Content>,
    witness: &Arc<Witness>,
    terms: Terms<'_>,
) -> ByHttp3 {
    let (connections, connector) = network.http3();
    connections.exchange(network, connector, request, witness, terms).await
}

/// How a request may go on its way.
enum Way {
    /// On a connection that there is now.
    Kept(Arc<Connection>, Box<Opened>),
    /// On this one.
    Made(Winner),
    /// By TCP, whose connections others keep.
    Broken,
}

impl QuicConnections {
    /// Sends a request by HTTP/3, if a connection can be had. All of it is one exchange with that over TCP: one time limit, one look-up.
    async fn exchange(
        &self,
        network: &Network,
        connector: &Connector,
        request: &Request<Content>,
        witness: &Arc<Witness>,
        terms: Terms<'_>,
    ) -> ByHttp3 {
        let (target, origin) = (request.uri(), path_of(request.uri(), terms));
        if !connector.may_speak_http3(target) || self.is_broken(&origin, std::time::Instant::now()) {
            return ByHttp3::OverTcp(None);
        }
        // What has arrived meanwhile is a reason not to use a connection. A datagram passes three tasks.
        for _ in 0..3 {
            poll_sockets().await;
        }
        let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
        let kept = || self.kept(&origin, std::time::Instant::now(), is_safe);
        let (connection, opened) = match kept() {
            Some((connection, opened)) => (connection, Some(opened)),
            None => match self.connect(network, connector, target, &origin, &kept, terms).await {
                Ok(Way::Kept(connection, opened)) => (connection, Some(*opened)),
                Ok(Way::Made(Winner::Quic(connection))) => (connection, None),
                Ok(Way::Made(Winner::Tcp(stream))) => {
                    return ByHttp3::OverTcp(Some(connector.hold(target, *stream)));
                }
                Ok(Way::Broken) => return ByHttp3::OverTcp(None),
                Err(error) => return ByHttp3::Sent(Box::new(Err(Failure::plain(error, Observed::default())))),
            },
        };
        let request = (request, opened);
        ByHttp3::Sent(Box::new(self.exchange_on(&connection, network, connector, request, witness, terms).await))
    }

    async fn connect(
        &self,
        network: &Network,
        connector: &Connector,
        target: &Uri,
        origin: &str,
        kept: &impl Fn() -> Option<(Arc<Connection>, Opened)>,
        terms: Terms<'_>,
    ) -> Result<Way, Error> {
        let patience = terms.connect.unwrap_or_else(|| network.connect_timeout());
        let until = (Instant::now() + patience).min(terms.deadline);
        let gate = network.gate(target);
        let _dial = timeout(patience, gate.acquire()).await.ok();
        // Whoever was before this one may have made what it waited for, or have found that there is none.
        if let Some((connection, opened)) = kept() {
            return Ok(Way::Kept(connection, Box::new(opened)));
        }
        if self.is_broken(origin, std::time::Instant::now()) {
            return Ok(Way::Broken);
        }
        let dialled = timeout_at(until, async {
            let (name, addresses) = connector.resolve(target).await?;
            let patience = until.saturating_duration_since(Instant::now());
            race(self, connector, target, terms.http3.map(|port| port.number), &name, addresses, patience).await
        });
        let winner = match dialled.await {
            Ok(winner) => winner,
            Err(_) if until < terms.deadline => Err(late()),
            Err(_) => Err(Error::new(Code::TotalTimeout, "no response came within timeout_ms")),
        };
        match &winner {
            Ok(Winner::Quic(connection)) => self.keep(origin, connection),
            Ok(Winner::Tcp(_)) => self.broke(origin, std::time::Instant::now()),
            // Nobody is there at all.
            Err(_) => {}
        }
        winner.map(Way::Made)
    }

    async fn exchange_on(
        &self,
        connection: &Arc<Connection>,
        network: &Network,
        connector: &Connector,
        (request, opened): (&Request<Content>, Option<Opened>),
        witness: &Arc<Witness>,
        terms: Terms<'_>,
    ) -> Result<Response, Box<Failure>> {
        let origin = path_of(request.uri(), terms);
        let reused = connection.facts.use_once();
        let used = InUse::new(Arc::clone(&connection.facts));
        let observed = Observed { connection: Some(used), reused };
        let begun = std::time::Instant::now();
        let heard = connection.datagrams();
        let answered = timeout_at(terms.deadline, async {
            let answer = answer(connection, request, opened, witness, terms.http3);
            let mut idle: Pin<Box<dyn Future<Output = ()> + std::marker::Send + '_>> = match terms.idle {
                Some(limit) => Box::pin(limit.exceeded_by(witness)),
                None => Box::pin(std::future::pending()),
            };
            let mut answer = pin!(answer);
            tokio::select! {
                biased;
                answered = &mut answer => answered,
                () = &mut idle => Err(idle_error().into()),
            }
        })
        .await;
        let sent = if witness.taken() { Sent::Maybe } else { Sent::No };
        let is_late = answered.is_err();
        let mut cause = match answered {
            Ok(Ok((response, body))) => {
                self.works(&origin);
                connection.was_alive(if terms.beside { begun } else { std::time::Instant::now() });
                let response = response.map(|()| Incoming::Http3(Box::pin(body)));
                return match head::check(&response, network.header_bytes()) {
                    Ok(()) => {
                        let line = Line::Quic(Arc::clone(connection) as Arc<_>);
                        Ok(Response::new(response, request.method().clone(), line, observed, None, None))
                    }
                    Err(error) => Err(Failure::plain(error.with_status(response.status().as_u16()), observed)),
                };
            }
            Ok(Err(cause)) => cause,
            Err(_) => Error::new(Code::TotalTimeout, "no response came within timeout_ms").into(),
        };
        if is_late || cause.error.code == Code::IdleTimeout {
            // The other side may be gone, even if it said before that the request had come. A new handshake tells.
            connection.retire();
            if connection.datagrams() == heard {
                self.broke(&origin, std::time::Instant::now());
            }
        }
        if matches!(connection.end(), Some(quinn::ConnectionError::TimedOut)) {
            self.broke(&origin, std::time::Instant::now());
        }
        if cause.error.code == Code::ProtocolInvalid {
            connection.retire();
        }
        let judgement = cause.alert.filter(|alert| tls::judges_client(*alert));
        if let Some(alert) = judgement.filter(|_| network.is_certified()) {
            cause.error = tls::client_refused(alert);
        }
        if cause.wants_http1 {
            connector.wants_http1(&origin_of(request.uri()));
            connection.retire();
            cause.error = classify::wants_http1(network.http1());
        }
        let unprocessed = cause.unprocessed || cause.error.code == Code::ClosedEarly && sent == Sent::No;
        let sent = if unprocessed || judgement.is_some() { Sent::No } else { sent };
        Err(Box::new(Failure {
            error: cause.error.sent(sent),
            unprocessed,
            without_response: false,
            http1_next: cause.wants_http1 && network.http1(),
            observed,
        }))
    }
}

/// What connections and marks are kept by: the origin, and the port where it has HTTP/3 if that is another one.
fn path_of(target: &Uri, terms: Terms<'_>) -> String {
    let origin = origin_of(target);
    match terms.http3.map(|port| port.number).filter(|port| *port != connector::port(target)) {
        Some(port) => format!("{origin} {port}"),
        None => origin,
    }
}

/// Sends a request, and waits for the head of its response.
async fn answer(
    connection: &Arc<Connection>,
    request: &Request<Content>,
    opened: Option<Opened>,
    witness: &Arc<Witness>,
    port: Option<QuicPort>,
) -> Result<(http::Response<()>, Body), Cause> {
    let (parts, content) = request.clone().into_parts();
    let mut head = Request::from_parts(parts, ());
    if let Some(length) = content.length().filter(|length| *length > 0 || has_content(head.method())) {
        head.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
    }
    if let Some(place) = port.filter(|port| port.is_alternative).and_then(|port| alt_used(head.uri(), port.number)) {
        head.headers_mut().insert(ALT_USED, place);
    }
    let is_bodiless = *head.method() == Method::HEAD;
    let mut requests = connection.requests();
    let opening = Arc::new(Opening { witness: Arc::clone(witness), stream: Mutex::new(opened), ..Opening::default() });
    let opened = OPENING.scope(Arc::clone(&opening), requests.send_request(head)).await;
    let stream: RequestStream<Both<Leaving>, Leaving> = opened.map_err(|error| unsent(&error, connection))?;
    let id = stream.id().into_inner();
    let (send, mut receive) = stream.split();
    let unread = Arc::clone(&opening.unread);
    let body = WitnessBody::new(content, Arc::clone(witness), None);
    let mut sending = Box::pin(send_body(send, body));
    let mut is_sent = false;
    let mut interim = 0;
    let mut left_out = pin!(connection.leaves_out(id));
    let response = loop {
        let mut receiving = pin!(receive.recv_response());
        let came = poll_fn(|cx| {
            if !is_sent {
                is_sent = sending.as_mut().poll(cx).is_ready();
            }
            match receiving.as_mut().poll(cx) {
                Poll::Pending if unread.is_held_back() => Poll::Ready(Some(None)),
                Poll::Pending if left_out.as_mut().poll(cx).is_ready() => Poll::Ready(None),
                came => came.map(|came| Some(Some(came))),
            }
        })
        .await;
        // A server that goes away may keep the connection for those streams that it still processes.
        let Some(came) = came else { return Err(Cause { unprocessed: true, ..classify::closed().into() }) };
        let invalid = |message| Cause::from(Error::new(Code::ProtocolInvalid, message));
        let response = came
            .ok_or_else(|| invalid("the server sent a frame of HTTP/3 that is too large"))?
            .map_err(|error| cause(&error, connection, id))?;
        if !is_well_formed(response.headers()) {
            return Err(invalid("the server's response is not acceptable HTTP"));
        }
        if !response.status().is_informational() || response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
            break response;
        }
        interim += 1;
        if interim > INTERIM_RESPONSES {
            return Err(InterimLimit::error().into());
        }
    };
    let sender = (!is_sent).then(|| Sender(tasks::spawn(sending).abort_handle()));
    let missing =
        length(response.headers()).filter(|_| !is_bodiless && ![204, 304].contains(&response.status().as_u16()));
    let body = Body {
        stream: receive,
        id,
        unread,
        connection: Arc::clone(connection),
        missing,
        has_data: true,
        is_over: false,
        _sender: sender,
    };
    Ok((response, body))
}

/// The alternative in use, as the server is told (RFC 7838 section 5).
fn alt_used(target: &Uri, port: u16) -> Option<HeaderValue> {
    let host = target.host()?;
    let place = if port == 443 { host.to_owned() } else { format!("{host}:{port}") };
    HeaderValue::from_str(&place).ok()
}

fn has_content(method: &Method) -> bool {
    ![Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS].contains(method)
}

/// Sends the body of a request. One that breaks off resets its stream; a server that wants no more of it says why in its response.
async fn send_body(mut stream: RequestStream<Send<Leaving>, Leaving>, mut body: WitnessBody) {
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(frame) = frame else { return };
        let Ok(data) = frame.into_data() else { continue };
        if data.has_remaining() && stream.send_data(data).await.is_err() {
            return;
        }
    }
    let _ = stream.finish().await;
}
