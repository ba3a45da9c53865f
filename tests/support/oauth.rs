//! A token endpoint and an API that wants its tokens, on loopback, and an engine that may call both.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustls::version::TLS13;
use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use super::library::{Reply, close, open, send};
use super::seal;
use super::server::{Authority, Received, Server, configuration, request};

const KEY: [u8; 32] = [7; 32];
const IDENTIFIER: &str = "an_id";

/// Both servers and the engine.
pub struct Site {
    pub authority: Authority,
    pub endpoint: Server,
    pub api: Server,
    pub configuration: Value,
    pub engine: u64,
}

impl Site {
    /// An endpoint that responds to its requests, counted from 0, with these bytes, and an API that takes every token.
    pub fn new(response: impl Fn(usize, &Received) -> String + Send + Sync + 'static) -> Self {
        Self::with(|_| {}, response, |_| true)
    }

    /// The same with a changed configuration and an API that takes the tokens it is told to.
    pub fn with(
        change: impl FnOnce(&mut Value),
        response: impl Fn(usize, &Received) -> String + Send + Sync + 'static,
        accepts: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::made(change, response, accepts, None)
    }

    /// An API that takes every token, does not repeat it in the response, and ends its connections.
    pub fn closing(response: impl Fn(usize, &Received) -> String + Send + Sync + 'static) -> Self {
        Self::made(|_| {}, response, |_| true, Some(Box::new(|| {})))
    }

    /// The same of this authority, with an endpoint that judges its clients' certificates if it is told to, and an API that takes the
    /// tokens it is told to.
    pub fn closing_if(
        authority: Authority,
        judges: bool,
        response: impl Fn(usize, &Received) -> String + Send + Sync + 'static,
        accepts: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::of(authority, judges, |_| {}, response, accepts, Some(Box::new(|| {})))
    }

    /// The same as the first, and before it responds it does this. The endpoint is asked by nobody.
    pub fn closing_after(seen: impl Fn() + Send + Sync + 'static) -> Self {
        Self::made(|_| {}, |_, _| token("asked"), |_| true, Some(Box::new(seen)))
    }

    fn made(
        change: impl FnOnce(&mut Value),
        response: impl Fn(usize, &Received) -> String + Send + Sync + 'static,
        accepts: impl Fn(&str) -> bool + Send + Sync + 'static,
        closing: Option<Box<dyn Fn() + Send + Sync>>,
    ) -> Self {
        Self::of(Authority::new(), false, change, response, accepts, closing)
    }

    fn of(
        authority: Authority,
        judges: bool,
        change: impl FnOnce(&mut Value),
        response: impl Fn(usize, &Received) -> String + Send + Sync + 'static,
        accepts: impl Fn(&str) -> bool + Send + Sync + 'static,
        closing: Option<Box<dyn Fn() + Send + Sync>>,
    ) -> Self {
        let tls = || Some(authority.server(&["localhost"], &[], |_| {}));
        let judging = judges.then(|| authority.judging(&authority, &TLS13, &[]));
        let numbers = AtomicUsize::new(0);
        let endpoint = Server::start(judging.or_else(tls), move |peer| {
            peer.read().is_some_and(|received| peer.write(response(numbers.fetch_add(1, Ordering::SeqCst), &received)))
        });
        let api = Server::start(tls(), move |peer| {
            while let Some(received) = peer.read() {
                let token = received.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
                let (status, body) = match token {
                    Some(token) if accepts(token) => ("200 OK", token),
                    _ => ("401 Unauthorized", "no"),
                };
                if let Some(seen) = &closing {
                    seen();
                    return peer
                        .write(format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"));
                }
                let head = format!(
                    "HTTP/1.1 {status}\r\nx-echo: {}\r\ncontent-length: {}",
                    token.unwrap_or("none"),
                    body.len()
                );
                if !peer.write(format!("{head}\r\n\r\n{body}")) {
                    break;
                }
            }
            true
        });
        let ports = [endpoint.address.port(), api.address.port()];
        let mut configuration = configuration(&authority, &["localhost", "127.0.0.1"], &ports);
        configuration["master_keys"] = json!([{"provider": "raw", "key_base64": super::encode(&KEY)}]);
        change(&mut configuration);
        let (status, engine, head) = open(&configuration);
        assert_eq!(status, 0, "{head}");
        Self { authority, endpoint, api, configuration, engine }
    }

    /// The payload of the OAuth client.
    pub fn payload(&self) -> Value {
        json!({"client_id": "client", "client_secret": "s3cr3t", "token_url": self.token_url()})
    }

    /// The token endpoint's URL.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.endpoint.url("https", "localhost"))
    }

    /// A request head for the API.
    pub fn request(&self, method: &str) -> Value {
        let mut request = request(method, &self.api.url("https", "localhost"), "/thing");
        request["credentials"] = json!([{"identifier": IDENTIFIER, "type": "oauth2_client_credentials"}]);
        request
    }

    /// A GET with the client's token.
    pub fn get(&self) -> Reply {
        self.call("GET", &self.payload(), |_| {})
    }

    /// A call with a client and a changed request.
    pub fn call(&self, method: &str, payload: &Value, change: impl FnOnce(&mut Value)) -> Reply {
        let mut request = self.request(method);
        change(&mut request);
        send(self.engine, &request, b"", &sealed(payload))
    }

    /// How many token requests came in.
    pub fn asked(&self) -> usize {
        self.endpoint.counts.requests()
    }
}

impl Drop for Site {
    /// For the reason that [`super::client::Client`] has.
    fn drop(&mut self) {
        close(self.engine);
    }
}

/// Refresh tokens of an endpoint that rotates them: `refresh-0` is the first one, each serves once, and one that comes back ends them
/// all (RFC 9700 section 4.14.2).
#[derive(Clone, Default)]
pub struct Rotation(Arc<Mutex<Rotated>>);

#[derive(Default)]
struct Rotated {
    times: u32,
    is_over: bool,
}

impl Rotation {
    /// What a token request is answered: with `access-N` and `refresh-N`, of which N - 1 came before.
    pub fn answer(&self, received: &Received) -> String {
        let form = String::from_utf8_lossy(&received.body).into_owned();
        let sent = form.split('&').find_map(|field| field.strip_prefix("refresh_token=")).unwrap_or_default();
        let mut rotated = self.0.lock().expect("no poison");
        rotated.is_over |= sent != format!("refresh-{}", rotated.times);
        if rotated.is_over {
            return response("400 Bad Request", &json!({"error": "invalid_grant"}));
        }
        rotated.times += 1;
        let (access, refresh) = (format!("access-{}", rotated.times), format!("refresh-{}", rotated.times));
        let token =
            json!({"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh});
        response("200 OK", &token)
    }

    /// How often a token was exchanged for another; nothing once all are over.
    pub fn times(&self) -> Option<u32> {
        let rotated = self.0.lock().expect("no poison");
        (!rotated.is_over).then_some(rotated.times)
    }
}

/// A payload's envelope.
pub fn sealed(payload: &Value) -> String {
    seal(payload.to_string().as_bytes(), IDENTIFIER, &KEY, Algorithm::Aes256Gcm)
}

/// A response with this status line and this JSON.
pub fn response(status: &str, body: &Value) -> String {
    let body = body.to_string();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A token response whose token is valid for an hour.
pub fn token(token: impl Into<String>) -> String {
    lasting(token, json!(3600))
}

/// A token response with this `expires_in`.
pub fn lasting(token: impl Into<String>, expires_in: Value) -> String {
    response("200 OK", &json!({"access_token": token.into(), "token_type": "Bearer", "expires_in": expires_in}))
}

/// Number `n` of a series of tokens.
pub fn nth(n: usize) -> String {
    format!("token-{n}")
}

/// The `token_requests` of a record.
pub fn requests(reply: &Reply) -> u64 {
    reply.head["audit"]["token_requests"].as_u64().expect("always there")
}

/// Holds a response back until it is opened.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets everybody through, from now on.
    pub fn open(&self) {
        *self.0.0.lock().expect("no poison") = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open. The wait has an end, so that a test which fails does not hang.
    pub fn pass(&self) {
        let closed = self.0.0.lock().expect("no poison");
        drop(self.0.1.wait_timeout_while(closed, Duration::from_secs(60), |open| !*open).expect("no poison"));
    }
}
