//! An engine, a server on loopback that it trusts, and calls from the one to the other.

use std::sync::Arc;

use rustls::ServerConfig;
use serde_json::{Value, json};

use super::h2;
use super::library::{Reply, close, open, send};
use super::server::{Authority, Counts, Peer, Server, configuration, request};

/// The protocols over which the client reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Plain,
    Http1,
    Http2,
}

/// An engine and the one server that it may call.
pub struct Client {
    pub authority: Authority,
    pub server: Server,
    pub engine: u64,
    /// What the engine was opened with.
    pub configuration: Value,
    base: String,
    /// Whether the server ends every connection after one response. A call then waits for that end, so that the next request
    /// does not meet it: what happens then is tested elsewhere.
    once: bool,
}

impl Client {
    /// An HTTP/1.1 server over TLS.
    pub fn http1(handler: impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self::with(Over::Http1, |_| {}, handler)
    }

    /// An HTTP/2 server over TLS, whose preface and settings have been exchanged.
    pub fn http2(handler: impl Fn(&mut h2::Connection<'_, '_>) -> bool + Send + Sync + 'static) -> Self {
        Self::with(Over::Http2, |_| {}, h2::over(handler))
    }

    /// A server whose engine has a changed configuration.
    pub fn with(
        over: Over,
        change: impl FnOnce(&mut Value),
        handler: impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::new();
        let tls = match over {
            Over::Plain => None,
            Over::Http1 => Some(authority.server(&["localhost"], &[], |_| {})),
            Over::Http2 => Some(authority.server(&["localhost"], &[b"h2"], |_| {})),
        };
        Self::serving(authority, tls, change, handler)
    }

    /// A server with a TLS configuration of the test's own.
    pub fn serving(
        authority: Authority,
        tls: Option<Arc<ServerConfig>>,
        change: impl FnOnce(&mut Value),
        handler: impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = Server::start(tls, handler);
        let mut document = configuration(&authority, &["localhost", "127.0.0.1"], &[server.address.port()]);
        change(&mut document);
        let (status, engine, head) = open(&document);
        assert_eq!(status, 0, "{head}");
        let base = server.url(scheme, "localhost");
        Self { authority, server, engine, configuration: document, base, once: false }
    }

    /// A call with a changed request.
    pub fn call(&self, method: &str, body: &[u8], change: impl FnOnce(&mut Value)) -> Reply {
        let request = self.request(method, change);
        let reply = send(self.engine, &request, body, "");
        if self.once {
            assert!(self.counts().wait_ended(self.counts().connections()));
        }
        reply
    }

    /// The request head of such a call.
    pub fn request(&self, method: &str, change: impl FnOnce(&mut Value)) -> Value {
        let mut request = request(method, &self.base, "/");
        request["policy"]["allow_http"] = json!(self.base.starts_with("http:"));
        change(&mut request);
        request
    }

    /// A GET.
    pub fn get(&self) -> Reply {
        self.call("GET", b"", |_| {})
    }

    /// A POST.
    pub fn post(&self, body: &[u8]) -> Reply {
        self.call("POST", body, |_| {})
    }

    /// What the server counted.
    pub fn counts(&self) -> &Counts {
        &self.server.counts
    }
}

impl Drop for Client {
    /// A process can have few engines, and another one must not displace those of the tests that run at the same time.
    fn drop(&mut self) {
        close(self.engine);
    }
}

/// An HTTP/1.1 server that responds to every request with these bytes and ends the connection.
pub fn raw(response: impl Into<Vec<u8>>) -> Client {
    let response = response.into();
    let mut client = Client::http1(move |peer| peer.read().is_some() && peer.write(&response));
    client.once = true;
    client
}

/// An HTTP/2 server that responds to every request with this head and nothing more.
pub fn head(fields: Vec<(String, Vec<u8>)>) -> Client {
    Client::http2(move |connection| {
        while let Some(stream) = connection.request() {
            let status = [(":status", &b"200"[..])];
            let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
            connection.head(stream, &status.into_iter().chain(fields).collect::<Vec<_>>(), true);
        }
        true
    })
}

/// A head of 200 with these fields.
pub fn http1_head(fields: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\n".to_vec();
    for (name, value) in fields {
        bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes
}
