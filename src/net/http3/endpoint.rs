//! The UDP sockets of an engine's connections, and how QUIC is spoken on them.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    AsyncTimer, AsyncUdpSocket, ClientConfig, Connecting, ConnectionId, ConnectionIdGenerator, Endpoint,
    EndpointConfig, Runtime, TokioRuntime, TransportConfig, VarInt,
};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::error::{Code, Error};
use crate::net::lanes::STREAMS;
use crate::net::tasks;
use crate::sys::{lock, random};

/// How long a connection stays without a datagram, where nobody drives the runtime between calls.
const IDLE: Duration = Duration::from_secs(15);
/// The same where a runtime always runs.
const IDLE_DRIVEN: Duration = Duration::from_secs(60);
/// How often the other side is told that somebody is here, while the runtime runs: a response may be longer on its way than either side
/// waits without a datagram. quinn does not tell how long the other waits; servers commonly do for 5 s and more.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

const STREAM_WINDOW: u32 = 1 << 20;
/// Room for what as many streams as go on at a time may leave unread.
const WINDOW: u32 = STREAM_WINDOW * STREAMS;
/// What is held of the bodies that a connection sends, until the other side has it. quinn would hold 10 MB of them.
const HELD: u64 = 2 << 20;
/// Its control stream, the two of QPACK, and what it may open beyond that to be refused.
const STREAMS_OF_SERVER: u32 = 8;

/// Sockets, one of each family, made when they are needed.
pub struct Endpoints {
    tls: Arc<QuicClientConfig>,
    v4: Mutex<Option<Endpoint>>,
    v6: Mutex<Option<Endpoint>>,
}

impl Endpoints {
    /// Sockets of connections with this TLS.
    pub fn new(tls: rustls::ClientConfig) -> Result<Self, Error> {
        let tls = QuicClientConfig::try_from(tls)
            .map_err(|_| Error::new(Code::HandshakeFailed, "the TLS provider has no cipher for QUIC"))?;
        Ok(Self { tls: Arc::new(tls), v4: Mutex::default(), v6: Mutex::default() })
    }

    /// Begins a handshake with this address, and with no other: what comes from elsewhere is dropped.
    pub fn connect(&self, remote: SocketAddr, name: &str) -> io::Result<Connecting> {
        let mut config = ClientConfig::new(Arc::clone(&self.tls) as Arc<_>);
        config.transport_config(Arc::new(transport()));
        config.initial_dst_cid_provider(Arc::new(connection_id));
        let mut socket = lock(if remote.is_ipv6() { &self.v6 } else { &self.v4 });
        let endpoint = match &*socket {
            Some(endpoint) => endpoint,
            None => socket.insert(endpoint(remote.ip())?),
        };
        endpoint.connect_with(config, remote, name).map_err(io::Error::other)
    }
}

/// Whether a runtime runs here between calls.
pub fn is_driven() -> bool {
    Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    let idle = if is_driven() { IDLE_DRIVEN } else { IDLE };
    transport
        .max_idle_timeout(idle.try_into().ok())
        .keep_alive_interval(Some(KEEP_ALIVE))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(WINDOW))
        .send_window(HELD)
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(STREAMS_OF_SERVER))
        .datagram_receive_buffer_size(None);
    transport
}

fn endpoint(family: IpAddr) -> io::Result<Endpoint> {
    let local: IpAddr = if family.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((local, 0))?;
    socket.set_nonblocking(true)?;
    let mut config = EndpointConfig::default();
    config.cid_generator(|| Box::new(ConnectionIds));
    Endpoint::new(config, None, socket, Arc::new(Noticed))
}

/// quinn's own generator goes on in a forked child where it was in the parent, so that both would have the same identifiers.
struct ConnectionIds;

impl ConnectionIdGenerator for ConnectionIds {
    fn generate_cid(&mut self) -> ConnectionId {
        connection_id()
    }

    fn cid_len(&self) -> usize {
        ID
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

const ID: usize = 8;

fn connection_id() -> ConnectionId {
    ConnectionId::new(&random::number().to_ne_bytes())
}

/// tokio's runtime, whose tasks tell when they are woken.
#[derive(Debug)]
struct Noticed;

impl Runtime for Noticed {
    fn new_timer(&self, at: Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(tasks::spawn(task));
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }
}
