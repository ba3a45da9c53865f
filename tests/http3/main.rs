//! Calls by HTTP/3 from the outside: an engine of a library that was built with it, and a server that speaks it beside HTTP/1.1.

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod aioquic;
mod alt_svc;
mod beside;
mod bounds;
#[cfg(feature = "sidecar")]
mod daemon;
mod forks;
mod hole;
mod honest;
#[cfg(feature = "sidecar")]
#[allow(dead_code, reason = "the daemon's own tests use the rest")]
#[path = "../sidecar/host.rs"]
mod host;
mod hostile;
mod hostile_connection;
mod mixture;
mod nginx;
mod servers;
mod silence;

use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bytes::{Buf, Bytes};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, Incoming, ServerConfig, TokioRuntime};
use serde_json::{Value, json};
use support::library::{Reply, close, open, send};
use support::server::{Authority, Server, configuration, request};
use tokio::runtime::{Builder, Runtime};

/// A server of HTTP/3 and, at the same port, one of HTTP/1.1, which does not go on with a handshake before a request has come by HTTP/3: on a
/// slow machine it would win the race.
struct Both {
    tcp: Server,
    requests: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Both {
    fn start(authority: &Authority) -> Self {
        let tls = |alpn: &[u8]| authority.server(&["localhost"], &[alpn], |_| {});
        Self::with(tls(b"http/1.1"), tls(b"h3"))
    }

    /// The same with this TLS over TCP and in QUIC.
    fn with(over_tcp: Arc<rustls::ServerConfig>, in_quic: Arc<rustls::ServerConfig>) -> Self {
        let (listener, udp) = loop {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            if let Ok(udp) = UdpSocket::bind(listener.local_addr().expect("an address")) {
                break (listener, udp);
            }
        };
        let requests = Arc::<AtomicUsize>::default();
        let came = Arc::clone(&requests);
        let tcp = Server::listen(listener, Some(over_tcp), move |peer| {
            while came.load(Ordering::SeqCst) == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            while peer.read().is_some() && peer.respond("over TCP") {}
            true
        });
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let quic = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(in_quic).expect("TLS for QUIC")));
        let counted = Arc::clone(&requests);
        runtime.spawn(async move {
            let endpoint = Endpoint::new(EndpointConfig::default(), Some(quic), udp, Arc::new(TokioRuntime));
            let endpoint = endpoint.expect("QUIC");
            while let Some(incoming) = endpoint.accept().await {
                tokio::spawn(serve(incoming, Arc::clone(&counted)));
            }
        });
        Self { tcp, requests, _runtime: runtime }
    }

    /// Lets TCP go on though no request has come by HTTP/3. From here on `requests` has one more.
    fn let_tcp_go_on(&self) {
        self.requests.fetch_add(1, Ordering::SeqCst);
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

const ALT_USED: http::HeaderName = http::HeaderName::from_static("alt-used");

/// Responds to each request with its method and body, and with its field `alt-used`.
async fn serve(incoming: Incoming, requests: Arc<AtomicUsize>) -> Option<()> {
    let quic = h3_quinn::Connection::new(incoming.await.ok()?);
    let mut connection = h3::server::Connection::<_, Bytes>::new(quic).await.ok()?;
    while let Ok(Some(resolver)) = connection.accept().await {
        let (request, mut stream) = resolver.resolve_request().await.ok()?;
        requests.fetch_add(1, Ordering::SeqCst);
        let mut body = format!("{} ", request.method()).into_bytes();
        while let Ok(Some(mut piece)) = stream.recv_data().await {
            body.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
        }
        let mut response = http::Response::new(());
        response.headers_mut().extend(request.headers().get("alt-used").map(|used| (ALT_USED, used.clone())));
        stream.send_response(response).await.ok()?;
        stream.send_data(Bytes::from(body)).await.ok()?;
        stream.finish().await.ok()?;
    }
    Some(())
}

#[test]
fn http_3_is_spoken_where_the_operator_says_that_the_api_has_it() {
    let authority = Authority::new();
    let server = Both::start(&authority);
    let mut document = configuration(&authority, &["localhost"], &[server.tcp.address.port()]);
    document["http_versions"] = json!(["3", "2", "1.1"]);
    let (status, engine, head) = open(&document);
    assert_eq!(status, 0, "{head}");
    let base = server.tcp.url("https", "localhost");
    let call = |method: &str, body: &[u8], policy: &[(&str, Value)]| -> Reply {
        let mut request = request(method, &base, "/");
        for (key, value) in policy {
            request["policy"][key] = value.clone();
        }
        send(engine, &request, body, "")
    };
    let registered = [("http3", json!("registered"))];
    for (method, body, expected, reused) in
        [("GET", "", "GET ", false), ("POST", "a note", "POST a note", true), ("PUT", "", "PUT ", true)]
    {
        let reply = call(method, body.as_bytes(), &registered);
        let audit = &reply.head["audit"];
        assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), expected.as_bytes()), "{reply:?}");
        assert_eq!(reply.head["http_version"], "3", "{reply:?}");
        assert_eq!((&audit["http_version"], &audit["tls_version"]), (&json!("3"), &json!("1.3")), "{reply:?}");
        assert_eq!((&audit["connection_reused"], &audit["sent"]), (&json!(reused), &json!("yes")), "{reply:?}");
        assert_eq!(audit["bytes_out"], body.len(), "{reply:?}");
        assert!(reply.head["headers"].as_array().is_some_and(Vec::is_empty), "no alt-used: {reply:?}");
    }
    assert_eq!((server.requests(), server.tcp.counts.requests()), (3, 0));
    for policy in [
        &[][..],
        &[("http3", json!("alt-svc"))],
        &[("http3", json!("registered")), ("http_versions", json!(["2", "1.1"]))],
        &[("http_versions", json!(["3", "2", "1.1"]))],
    ] {
        let reply = call("GET", b"", policy);
        assert_eq!(
            (&reply.head["http_version"], reply.body.as_slice()),
            (&json!("1.1"), &b"over TCP"[..]),
            "{policy:?}"
        );
    }
    assert_eq!((server.requests(), server.tcp.counts.requests()), (3, 4));
    close(engine);
}

#[test]
fn a_configuration_without_http_3_never_sends_a_datagram() {
    let authority = Authority::new();
    let server = Both::start(&authority);
    server.let_tcp_go_on();
    let document = configuration(&authority, &["localhost"], &[server.tcp.address.port()]);
    let (status, engine, head) = open(&document);
    assert_eq!(status, 0, "{head}");
    let mut request = request("GET", &server.tcp.url("https", "localhost"), "/");
    request["policy"]["http3"] = json!("registered");
    let reply = send(engine, &request, b"", "");
    assert_eq!((&reply.head["http_version"], server.requests()), (&json!("1.1"), 1), "{reply:?}");
    close(engine);
}
