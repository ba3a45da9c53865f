//! Servers of HTTP/3 whose every byte a test writes, with one of HTTP/1.1 over TLS at the same port.

use std::future::Future;
use std::net::{TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, RecvStream, SendStream, ServerConfig, TokioRuntime, VarInt};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::support::library::{Reply, close, open, send};
use crate::support::server::{Authority, Counts, Received, Server, configuration, request};

/// Types of frames and of streams of one direction (RFC 9114 sections 7.2 and 6.2).
pub const DATA: u64 = 0;
pub const HEADERS: u64 = 1;
pub const SETTINGS: u64 = 4;
pub const GOAWAY: u64 = 7;
pub const CONTROL: u64 = 0;

pub const NO_ERROR: u32 = 0x100;
pub const INTERNAL_ERROR: u32 = 0x102;
pub const REQUEST_REJECTED: u32 = 0x10b;
pub const VERSION_FALLBACK: u32 = 0x110;

/// A head with `:status: 200` alone, the 25th of QPACK's table, and one with `:status: 103`, the 24th.
pub const OK: &[u8] = &[0, 0, 0xd9];
pub const EARLY: &[u8] = &[0, 0, 0xd8];

pub type Work<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A request that has come, and the ways to answer it.
pub struct Exchange {
    pub connection: quinn::Connection,
    pub send: SendStream,
    pub receive: RecvStream,
    pub control: Arc<tokio::sync::Mutex<SendStream>>,
    counts: Arc<Counts>,
}

impl Exchange {
    /// Reads the request to its end and counts it.
    pub async fn read(&mut self) -> Option<()> {
        let bytes = self.receive.read_to_end(64 << 20).await.ok()?;
        self.count(body(&bytes));
        Some(())
    }

    /// Counts a request with this body.
    pub fn count(&self, body: Vec<u8>) {
        self.counts.received.lock().expect("no poison").push(Received { head: String::new(), body });
        self.counts.requests.fetch_add(1, Ordering::SeqCst);
    }

    /// Writes bytes as they are. False if nobody takes them any more.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        self.send.write_all(bytes).await.is_ok()
    }

    /// Writes bytes again and again, as long as somebody takes them.
    pub async fn endlessly(&mut self, bytes: &[u8]) {
        while self.write(bytes).await {}
    }

    /// Writes bytes on the control stream. False if nobody takes them any more.
    pub async fn say(&self, bytes: &[u8]) -> bool {
        self.control.lock().await.write_all(bytes).await.is_ok()
    }

    /// Responds with 200 and this body.
    pub async fn respond(&mut self, body: &[u8]) -> bool {
        self.write(&[frame(HEADERS, OK), frame(DATA, body)].concat()).await && self.send.finish().is_ok()
    }

    /// Waits for the end of the connection.
    pub async fn closed(&self) {
        self.connection.closed().await;
    }
}

/// A number as QUIC writes it (RFC 9000 section 16).
pub fn number(value: u64) -> Vec<u8> {
    match value {
        0..0x40 => vec![value as u8],
        0x40..0x4000 => (value as u16 | 0x4000).to_be_bytes().to_vec(),
        0x4000..0x4000_0000 => (value as u32 | 0x8000_0000).to_be_bytes().to_vec(),
        _ => (value | 0xc000_0000_0000_0000).to_be_bytes().to_vec(),
    }
}

/// A frame.
pub fn frame(kind: u64, payload: &[u8]) -> Vec<u8> {
    [number(kind), number(payload.len() as u64), payload.to_vec()].concat()
}

/// Fields as literals (RFC 9204 section 4.5.6), with the prefix of a head.
pub fn fields(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut block = vec![0, 0];
    for (name, value) in fields {
        integer(0x20, 7, name.len(), &mut block);
        block.extend(name.as_bytes());
        integer(0, 127, value.len(), &mut block);
        block.extend(*value);
    }
    block
}

fn integer(flags: u8, most: u8, value: usize, block: &mut Vec<u8>) {
    let Some(mut rest) = value.checked_sub(most.into()) else { return block.push(flags | value as u8) };
    block.push(flags | most);
    while rest >= 128 {
        block.push((rest % 128 + 128) as u8);
        rest /= 128;
    }
    block.push(rest as u8);
}

/// What the frames of DATA in these bytes hold.
fn body(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some((kind, rest)) = take(bytes) {
        let Some((length, rest)) = take(rest) else { break };
        let (payload, rest) = rest.split_at(rest.len().min(length as usize));
        if kind == DATA {
            body.extend(payload);
        }
        bytes = rest;
    }
    body
}

fn take(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let length = 1 << (bytes.first()? >> 6);
    let (number, rest) = bytes.split_at_checked(length)?;
    let value = number.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    Some((value & !(0b11 << (8 * length - 2)), rest))
}

/// An engine, and the one server that it may call, which has HTTP/3.
pub struct Client {
    _authority: Authority,
    pub engine: u64,
    pub document: Value,
    pub base: String,
    pub tcp: Server,
    pub quic: Arc<Counts>,
    /// Whether TLS over TCP goes on. It waits for the first request by HTTP/3: on a slow machine it would win the race.
    pub admits_tcp: Arc<AtomicBool>,
    runtime: Option<Runtime>,
}

impl Client {
    /// A server that answers requests so.
    pub fn new(answer: impl for<'a> Fn(&'a mut Exchange) -> Work<'a> + Send + Sync + 'static) -> Self {
        Self::with(|_, _| {}, &[number(CONTROL), frame(SETTINGS, b"")].concat(), answer)
    }

    /// One whose server and engine are configured otherwise, and which begins its control stream with these bytes.
    pub fn with(
        change: impl FnOnce(&mut ServerConfig, &mut Value),
        control: &[u8],
        answer: impl for<'a> Fn(&'a mut Exchange) -> Work<'a> + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::new();
        let (listener, udp) = ports();
        let (quic, admits_tcp) = (Arc::<Counts>::default(), Arc::<AtomicBool>::default());
        let (came, admitted) = (Arc::clone(&quic), Arc::clone(&admits_tcp));
        let tls = authority.server(&["localhost"], &[b"http/1.1"], |_| {});
        let tcp = Server::listen(listener, Some(tls), move |peer| {
            while came.requests() == 0 && !admitted.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            while peer.read().is_some() && peer.respond("over TCP") {}
            true
        });
        let tls = authority.server(&["localhost"], &[b"h3"], |_| {});
        let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).expect("TLS for QUIC")));
        let mut document = configuration(&authority, &["localhost"], &[tcp.address.port()]);
        document["http_versions"] = json!(["3", "2", "1.1"]);
        change(&mut server, &mut document);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (counts, control, answer) = (Arc::clone(&quic), control.to_vec(), Arc::new(answer));
        runtime.spawn(async move {
            let endpoint = Endpoint::new(EndpointConfig::default(), Some(server), udp, Arc::new(TokioRuntime));
            let endpoint = endpoint.expect("QUIC");
            while let Some(incoming) = endpoint.accept().await {
                let Ok(connection) = incoming.await else { continue };
                counts.connections.fetch_add(1, Ordering::SeqCst);
                let (counts, control, answer) = (Arc::clone(&counts), control.clone(), Arc::clone(&answer));
                tokio::spawn(serve(connection, control, counts, answer));
            }
        });
        let (status, engine, head) = open(&document);
        assert_eq!(status, 0, "{head}");
        let base = tcp.url("https", "localhost");
        Self { _authority: authority, engine, document, base, tcp, quic, admits_tcp, runtime: Some(runtime) }
    }

    /// A call with a changed request, for which HTTP/3 is tried.
    pub fn call(&self, method: &str, body: &[u8], change: impl FnOnce(&mut Value)) -> Reply {
        send(self.engine, &self.request(method, change), body, "")
    }

    /// The request head of such a call.
    pub fn request(&self, method: &str, change: impl FnOnce(&mut Value)) -> Value {
        let mut request = request(method, &self.base, "/");
        request["policy"]["http3"] = json!("registered");
        change(&mut request);
        request
    }

    /// Lets the server of HTTP/3 be gone, without a word, when so many requests have come.
    pub fn vanishes_after(&mut self, requests: usize) -> thread::JoinHandle<()> {
        let (counts, runtime) = (Arc::clone(&self.quic), self.runtime.take().expect("a server"));
        thread::spawn(move || {
            while counts.requests() < requests {
                thread::sleep(Duration::from_millis(1));
            }
            runtime.shutdown_background();
        })
    }

    /// How many requests have come by HTTP/3, on how many connections, and how many over TCP.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.quic.requests(), self.quic.connections(), self.tcp.counts.requests())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        close(self.engine);
        self.admits_tcp.store(true, Ordering::SeqCst);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One port, for TCP and for UDP.
pub fn ports() -> (TcpListener, UdpSocket) {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        if let Ok(udp) = UdpSocket::bind(listener.local_addr().expect("an address")) {
            break (listener, udp);
        }
    }
}

async fn serve(
    connection: quinn::Connection,
    control: Vec<u8>,
    counts: Arc<Counts>,
    answer: Arc<impl for<'a> Fn(&'a mut Exchange) -> Work<'a> + Send + Sync + 'static>,
) -> Option<()> {
    let mut stream = connection.open_uni().await.ok()?;
    stream.write_all(&control).await.ok()?;
    let control = Arc::new(tokio::sync::Mutex::new(stream));
    while let Ok((send, receive)) = connection.accept_bi().await {
        let (connection, control) = (connection.clone(), Arc::clone(&control));
        let mut exchange = Exchange { connection, send, receive, control, counts: Arc::clone(&counts) };
        let answer = Arc::clone(&answer);
        tokio::spawn(async move { answer(&mut exchange).await });
    }
    counts.closed.fetch_add(1, Ordering::SeqCst);
    Some(())
}

/// Resets a stream.
pub fn reset(stream: &mut SendStream, code: u32) {
    let _ = stream.reset(VarInt::from_u32(code));
}
