//! Against a server whose every byte of HTTP/3 is written here, with one of HTTP/1.1 over TLS at the same port.

use std::future::Future;
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, RecvStream, SendStream, ServerConfig, TokioRuntime, VarInt};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::document::{ByteLimit, RootSource, TlsSpec};
use crate::error::{Code, Sent};
use crate::net::body::{Content, Witness};
use crate::net::network::tests::options;
use crate::net::network::{Network, Way};
use crate::net::options::NetworkOptions;
use crate::net::response::{Collected, Response};
use crate::net::terms::{Failure, QuicPort, Terms};
use crate::net::tls::Roots;

/// HEADERS with `:status: 200`, which is the 25th of QPACK's table.
const OK: &[u8] = &[1, 3, 0, 0, 0xd9];
/// The control stream's type, and empty SETTINGS.
const CONTROL: &[u8] = &[0, 4, 0];

#[derive(Clone, Copy)]
enum Answer {
    /// These bytes, and the end.
    Bytes(&'static [u8]),
    /// This piece again and again, until the other side is gone.
    Endless(&'static [u8], &'static [u8]),
    /// A reset of the stream with this code.
    Reset(u32),
    /// GOAWAY from this stream on, and the end of the connection.
    GoAway(u8),
    /// The end of the connection.
    Close,
    /// Nothing more, ever.
    Vanish,
}

struct Server {
    port: u16,
    ca: PathBuf,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    over_tcp: Arc<AtomicUsize>,
    /// Where nobody listens for QUIC: what has come.
    silent: Option<UdpSocket>,
    _runtime: Runtime,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.ca);
    }
}

impl Server {
    fn new(answer: Option<Answer>) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let ca_key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issued = params.self_signed(&ca_key).expect("a certificate");
        let issuer = Issuer::from_params(&params, &ca_key);
        let key = KeyPair::generate().expect("a key");
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
        let leaf = leaf.signed_by(&key, &issuer).expect("a certificate");
        let ca = std::env::temp_dir().join(format!("http3-{}-{number}.pem", std::process::id()));
        std::fs::write(&ca, issued.pem()).expect("a file");
        let tls = |alpn: &[u8]| {
            let mut tls =
                rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                    .with_safe_default_protocol_versions()
                    .expect("versions")
                    .with_no_client_auth()
                    .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
                    .expect("a certificate");
            tls.alpn_protocols = vec![alpn.to_vec()];
            tls
        };
        let (tcp, udp) = loop {
            let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
            if let Ok(udp) = UdpSocket::bind(tcp.local_addr().expect("an address")) {
                break (tcp, udp);
            }
        };
        let port = tcp.local_addr().expect("an address").port();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let [requests, connections, over_tcp] = std::array::from_fn(|_| Arc::<AtomicUsize>::default());
        let _inside = runtime.enter();
        tcp.set_nonblocking(true).expect("a socket");
        udp.set_nonblocking(true).expect("a socket");
        let (counted, acceptor) = (Arc::clone(&over_tcp), TlsAcceptor::from(Arc::new(tls(b"http/1.1"))));
        // Where QUIC is spoken, it wins the race however slow this machine is: TLS over TCP goes on when a request has come by it.
        let (came, waits) = (Arc::clone(&requests), answer.is_some());
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(tcp).expect("a listener");
            while let Ok((tcp, _)) = listener.accept().await {
                let (counted, acceptor, came) = (Arc::clone(&counted), acceptor.clone(), Arc::clone(&came));
                tokio::spawn(async move {
                    while waits && came.load(Ordering::SeqCst) == 0 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    let Ok(mut tls) = acceptor.accept(tcp).await else { return };
                    let mut buffer = [0; 4096];
                    while tls.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                        counted.fetch_add(1, Ordering::SeqCst);
                        let _ = tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\ntcp").await;
                    }
                });
            }
        });
        let silent = match answer {
            None => Some(udp),
            Some(answer) => {
                let tls = QuicServerConfig::try_from(tls(b"h3")).expect("TLS for QUIC");
                let config = ServerConfig::with_crypto(Arc::new(tls));
                let endpoint =
                    Endpoint::new(EndpointConfig::default(), Some(config), udp, Arc::new(TokioRuntime)).expect("QUIC");
                let (seen, made) = (Arc::clone(&requests), Arc::clone(&connections));
                runtime.spawn(async move {
                    while let Some(incoming) = endpoint.accept().await {
                        let Ok(connection) = incoming.await else { continue };
                        made.fetch_add(1, Ordering::SeqCst);
                        tokio::spawn(serve(connection, answer, Arc::clone(&seen)));
                    }
                });
                None
            }
        };
        drop(_inside);
        Self { port, ca, requests, connections, over_tcp, silent, _runtime: runtime }
    }

    fn network(&self) -> Network {
        let tls = TlsSpec { roots: RootSource::File, ca_file: Some(self.ca.clone()), ..TlsSpec::default() };
        let options = NetworkOptions { roots: Roots::load(&tls).expect("roots"), ..options(self.port) };
        Network::new(options, Arc::default()).expect("a network")
    }

    fn counts(&self) -> (usize, usize, usize) {
        let [requests, connections, over_tcp] =
            [&self.requests, &self.connections, &self.over_tcp].map(|count| count.load(Ordering::SeqCst));
        (requests, connections, over_tcp)
    }
}

async fn serve(connection: quinn::Connection, answer: Answer, seen: Arc<AtomicUsize>) {
    let mut control = connection.open_uni().await.expect("a stream");
    control.write_all(CONTROL).await.expect("a client");
    while let Ok((send, receive)) = connection.accept_bi().await {
        let number = seen.fetch_add(1, Ordering::SeqCst);
        let _ = respond(&connection, &mut control, send, receive, answer, number).await;
    }
}

async fn respond(
    connection: &quinn::Connection,
    control: &mut SendStream,
    mut send: SendStream,
    mut receive: RecvStream,
    answer: Answer,
    _number: usize,
) -> Option<()> {
    let request = receive.read_to_end(1 << 20).await.ok()?;
    match answer {
        Answer::Bytes(bytes) => {
            send.write_all(bytes).await.ok()?;
            // The request's bytes go back behind it, in a frame of DATA, so that a test sees its body.
            if bytes == OK {
                let tail = &request[request.len().saturating_sub(5)..];
                send.write_all(&[&[0, tail.len() as u8], tail].concat()).await.ok()?;
            }
            send.finish().ok()?;
        }
        Answer::Endless(first, piece) => {
            send.write_all(first).await.ok()?;
            while send.write_all(piece).await.is_ok() {}
        }
        Answer::Reset(code) => send.reset(VarInt::from_u32(code)).ok()?,
        Answer::GoAway(id) => {
            control.write_all(&[7, 1, id]).await.ok()?;
            // What comes behind it is seen with it.
            tokio::time::sleep(Duration::from_millis(50)).await;
            connection.close(VarInt::from_u32(0x100), b"");
        }
        Answer::Close => connection.close(VarInt::from_u32(0x100), b""),
        Answer::Vanish => std::future::pending().await,
    }
    Some(())
}

const CAP: ByteLimit = ByteLimit { bytes: 8 << 20, of: "response_bytes" };

async fn send(network: &Network, port: u16, method: &str, body: &'static str) -> Result<Response, Box<Failure>> {
    let uri = format!("https://127.0.0.1:{port}/");
    let content = Content::Whole(Bytes::from_static(body.as_bytes()));
    let request = http::Request::builder().method(method).uri(uri).body(content).expect("a request");
    let deadline = Instant::now() + Duration::from_secs(10);
    let terms = Terms { way: Way::Called, deadline, connect: None, beside: false, idle: None, http3: registered(port) };
    network.exchange(request, Arc::<Witness>::default(), terms).await
}

async fn whole(response: Response) -> Result<Collected, crate::error::Error> {
    response.collect(CAP, Instant::now() + Duration::from_secs(10), None, &mut 0).await
}

fn registered(number: u16) -> Option<QuicPort> {
    Some(QuicPort { number, is_alternative: false })
}

fn driven<F: Future>(work: F) -> F::Output {
    Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work)
}

#[test]
fn requests_go_by_http_3_and_share_a_connection() {
    let server = Server::new(Some(Answer::Bytes(OK)));
    let network = server.network();
    driven(async {
        for (method, body, expected) in [("POST", "hello", "hello"), ("GET", "", ""), ("POST", "again", "again")] {
            let response =
                send(&network, server.port, method, body).await.unwrap_or_else(|failure| panic!("{}", failure.error));
            let connection = response.observed().connection.as_ref().expect("a connection");
            assert_eq!((connection.http_version, connection.tls_version), ("3", Some("1.3")));
            assert_eq!(connection.remote.expect("an address").port(), server.port);
            let collected = whole(response).await.expect("a body");
            assert_eq!((collected.status.as_u16(), collected.http_version), (200, "3"));
            assert!(collected.body.ends_with(expected.as_bytes()), "{:?}", &collected.body[..]);
        }
    });
    assert_eq!(server.counts(), (3, 1, 0));
}

#[test]
fn a_connection_is_spent_when_nobody_uses_it_and_no_request_may() {
    let server = Server::new(Some(Answer::Bytes(OK)));
    let network = server.network();
    driven(async {
        let response =
            send(&network, server.port, "GET", "").await.unwrap_or_else(|failure| panic!("{}", failure.error));
        let now = std::time::Instant::now();
        let origin = format!("https://127.0.0.1:{}", server.port);
        let (connections, _) = network.http3();
        let (connection, _opened) = connections.kept(&origin, now, true).expect("a connection");
        let later = [10, 56, 301].map(|seconds| now + Duration::from_secs(seconds));
        assert_eq!(later.map(|at| connection.is_spent(at)), [false; 3], "it is in use");
        whole(response).await.expect("a body");
        assert_eq!(later.map(|at| connection.is_spent(at)), [false, true, true]);
    });
}

#[test]
fn where_udp_is_lost_tcp_is_used_and_udp_not_tried_again() {
    let server = Server::new(None);
    let network = server.network();
    let udp = server.silent.as_ref().expect("a socket");
    let came = || std::iter::from_fn(|| udp.recv(&mut [0; 2048]).ok()).count();
    driven(async {
        for expects_datagrams in [true, false] {
            let response =
                send(&network, server.port, "POST", "x").await.unwrap_or_else(|failure| panic!("{}", failure.error));
            assert_eq!(response.http_version(), "1.1");
            assert_eq!(&whole(response).await.expect("a body").body[..], b"tcp");
            assert_eq!(came() > 0, expects_datagrams);
        }
    });
    assert_eq!(server.counts(), (0, 0, 2), "one request each, and no other");
}

#[test]
fn what_a_server_has_not_processed_is_told_from_what_it_may_have() {
    let cases = [
        ("REQUEST_REJECTED", Answer::Reset(0x10b), Sent::No, true, false),
        ("GOAWAY of our stream", Answer::GoAway(0), Sent::No, true, false),
        ("GOAWAY behind it", Answer::GoAway(4), Sent::Maybe, false, false),
        ("VERSION_FALLBACK", Answer::Reset(0x110), Sent::Maybe, false, true),
        ("INTERNAL_ERROR", Answer::Reset(0x102), Sent::Maybe, false, false),
        ("close", Answer::Close, Sent::Maybe, false, false),
    ];
    for (name, answer, sent, unprocessed, http1) in cases {
        let server = Server::new(Some(answer));
        let network = server.network();
        driven(async {
            let failure = send(&network, server.port, "POST", "x").await.err().expect(name);
            assert_eq!((failure.error.code, failure.error.sent), (Code::ClosedEarly, sent), "{name}");
            assert_eq!((failure.unprocessed, failure.http1_next), (unprocessed, http1), "{name}");
            assert_eq!(server.counts(), (1, 1, 0), "{name}");
            if http1 {
                let response = send(&network, server.port, "POST", "x")
                    .await
                    .unwrap_or_else(|failure| panic!("{}", failure.error));
                assert_eq!((response.http_version(), server.counts()), ("1.1", (1, 1, 1)));
            }
        });
    }
}

#[test]
fn a_server_that_vanishes_sees_a_request_once_and_its_connection_is_left() {
    let server = Server::new(Some(Answer::Vanish));
    let network = server.network();
    driven(async {
        let uri = format!("https://127.0.0.1:{}/", server.port);
        let request = http::Request::post(uri).body(Content::Whole(Bytes::from_static(b"x"))).expect("a request");
        let deadline = Instant::now() + Duration::from_millis(500);
        let terms = Terms {
            way: Way::Called,
            deadline,
            connect: None,
            beside: false,
            idle: None,
            http3: registered(server.port),
        };
        let failure = network.exchange(request, Arc::default(), terms).await.err().expect("a failure");
        assert_eq!((failure.error.code, failure.error.sent), (Code::TotalTimeout, Sent::Maybe));
    });
    assert_eq!(server.counts(), (1, 1, 0));
}

#[test]
fn a_body_is_bounded_and_has_to_be_whole() {
    // `content-length: 5` by the name of QPACK's table (4) and a literal.
    const FIVE: &[u8] = &[1, 6, 0, 0, 0xd9, 0x54, 1, b'5', 0, 2, b'a', b'b'];
    const MORE: &[u8] = &[1, 6, 0, 0, 0xd9, 0x54, 1, b'1', 0, 2, b'a', b'b'];
    // Frames of one byte, of which a piece holds thousands.
    const TINY: &[u8] =
        &[0, 1, b'x', 0, 1, b'x', 0, 1, b'x', 0, 1, b'x', 0, 1, b'x', 0, 1, b'x', 0, 1, b'x', 0, 1, b'x'];
    for (name, answer, code) in [
        ("too short", Answer::Bytes(FIVE), Code::ClosedEarly),
        ("too long", Answer::Bytes(MORE), Code::ClosedEarly),
        ("frames of one byte without end", Answer::Endless(OK, TINY), Code::ResponseTooLarge),
    ] {
        let server = Server::new(Some(answer));
        let network = server.network();
        driven(async {
            let response =
                send(&network, server.port, "GET", "").await.unwrap_or_else(|failure| panic!("{}", failure.error));
            let cap = ByteLimit { bytes: 1 << 16, of: "response_bytes" };
            let read = response.collect(cap, Instant::now() + Duration::from_secs(20), None, &mut 0).await;
            let error = read.err().expect(name);
            assert_eq!((error.code, error.sent), (code, Sent::Yes), "{name}");
        });
    }
}
