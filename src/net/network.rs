//! The connections of one engine: its pools, and one dial at a time for an origin.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[cfg(feature = "http3")]
use http::StatusCode;
use http::Uri;
use tokio::sync::Semaphore;

use super::client::{self, HttpClient, Tasks};
use super::connector::Connector;
use super::http1::origin;
#[cfg(feature = "http3")]
use super::http3::alt_svc::{AltSvc, Alternatives};
#[cfg(feature = "http3")]
use super::http3::pool::QuicConnections;
use super::identity::Identity;
use super::lanes::{self, LanePlace, Lanes};
use super::options::NetworkOptions;
use super::pool::Pool;
use super::resolve::Lookups;
#[cfg(feature = "http3")]
use super::response::Response;
use crate::error::Error;
use crate::policy::Versions;
use crate::sign::ClientCertificate;
use crate::sys::lock;

/// Of all origins that calls went to.
const IDLE: usize = 64;
/// Of all that only redirects led to: their number is the servers' choice.
const IDLE_REDIRECTED: usize = 8;
/// Client certificates, each with versions of HTTP, whose connections are kept. The one that was not used for the longest time goes
/// with its connections.
const CERTIFIED: usize = 16;
/// Gates of origins that nobody waits at are swept above this number.
const GATES: usize = 64;

/// Who chose the origin of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The caller.
    Called,
    /// A server, by a redirect.
    Redirected,
}

/// The connections of one engine in one process. `exchange` and `one_shot` are what it does with them.
pub struct Network {
    connector: Connector,
    options: NetworkOptions,
    lookups: Arc<Lookups>,
    /// Who its connections are, if they show a certificate.
    identity: Option<Arc<Identity>>,
    /// Those that show one, each with its own pools and sessions of TLS; the last one used comes last.
    certified: Mutex<Vec<Arc<Self>>>,
    /// Those that show none and speak fewer versions of HTTP: of two versions there are two choices.
    speaking: Mutex<Vec<Arc<Self>>>,
    called: Pool,
    redirected: Pool,
    called_beside: Lanes,
    redirected_beside: Lanes,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
    #[cfg(feature = "http3")]
    http3: QuicConnections,
    shared: Shared,
}

/// What the networks of one engine share.
#[derive(Clone, Default)]
struct Shared {
    #[cfg(feature = "http3")]
    alternatives: Arc<Alternatives>,
}

impl Network {
    /// Prepares connections. Nothing is opened yet.
    pub fn new(options: NetworkOptions, lookups: Arc<Lookups>) -> Result<Self, Error> {
        Self::with(options, lookups, None, Shared::default())
    }

    /// The connections of whoever may speak these versions. They are apart from those of others, who might have agreed on one that
    /// is not among them.
    pub fn speaking(self: &Arc<Self>, versions: Versions) -> Result<Arc<Self>, Error> {
        if self.options.versions == versions {
            return Ok(Arc::clone(self));
        }
        let mut speaking = lock(&self.speaking);
        if let Some(network) = speaking.iter().find(|network| network.options.versions == versions) {
            return Ok(Arc::clone(network));
        }
        let network = Arc::new(self.beside(versions, None)?);
        speaking.push(Arc::clone(&network));
        Ok(network)
    }

    /// The connections of whoever may speak these versions and shows this certificate to whoever asks for one. They are apart from all
    /// others: a call with another one, with another key or with none never meets them. The key is used for as long as the caller
    /// keeps it.
    pub fn certified(&self, certificate: &Arc<ClientCertificate>, versions: Versions) -> Result<Arc<Self>, Error> {
        let is_its = |network: &Arc<Self>| {
            network.options.versions == versions
                && network.identity.as_ref().is_some_and(|known| known.is(certificate.id()))
        };
        let mut certified = lock(&self.certified);
        let network = match certified.iter().position(is_its) {
            Some(place) => certified.remove(place),
            None => {
                let identity = Some(Arc::new(Identity::of(certificate)?));
                if certified.len() >= CERTIFIED {
                    certified.remove(0);
                }
                Arc::new(self.beside(versions, identity)?)
            }
        };
        network.identity.iter().for_each(|identity| identity.lend(certificate));
        certified.push(Arc::clone(&network));
        Ok(network)
    }

    fn beside(&self, versions: Versions, identity: Option<Arc<Identity>>) -> Result<Self, Error> {
        let options = NetworkOptions { versions, ..self.options.clone() };
        Self::with(options, Arc::clone(&self.lookups), identity, self.shared.clone())
    }

    fn with(
        options: NetworkOptions,
        lookups: Arc<Lookups>,
        identity: Option<Arc<Identity>>,
        shared: Shared,
    ) -> Result<Self, Error> {
        #[cfg(feature = "http3")]
        let http3 = QuicConnections::new(&options, identity.as_ref())?;
        let connector = Connector::new(&options, Arc::clone(&lookups), identity.as_ref())?;
        Ok(Self {
            connector,
            options,
            lookups,
            identity,
            certified: Mutex::default(),
            speaking: Mutex::default(),
            called: Pool::new(IDLE),
            redirected: Pool::new(IDLE_REDIRECTED),
            called_beside: Lanes::new(IDLE),
            redirected_beside: Lanes::new(IDLE_REDIRECTED),
            gates: Mutex::default(),
            #[cfg(feature = "http3")]
            http3,
            shared,
        })
    }

    /// Cap of a response's head in bytes.
    pub(super) fn header_bytes(&self) -> usize {
        self.options.header_bytes as usize
    }

    /// The connections of HTTP/3, and what makes those of TCP beside them.
    #[cfg(feature = "http3")]
    pub(super) fn http3(&self) -> (&QuicConnections, &Connector) {
        (&self.http3, &self.connector)
    }

    /// The port at which the origin of a target has said that it has HTTP/3, among those that are allowed.
    #[cfg(feature = "http3")]
    pub fn advertised(&self, target: &Uri, is_allowed: impl Fn(u16) -> bool) -> Option<u16> {
        self.shared.alternatives.port(&origin(target), Instant::now(), is_allowed)
    }

    /// Takes note of where the origin of a target says that it has HTTP/3, by a response that came over TLS from itself. 421 says that
    /// it is not where it was looked for.
    #[cfg(feature = "http3")]
    pub fn note_advertised(&self, target: &Uri, response: &Response) {
        let said = match response.status() {
            StatusCode::MISDIRECTED_REQUEST => Some(AltSvc::Clear),
            _ => AltSvc::of(response.headers(), target.host().unwrap_or_default()),
        };
        if let Some(said) = said.filter(|_| self.connector.may_speak_http3(target)) {
            self.shared.alternatives.note(&origin(target), said, Instant::now());
        }
    }

    /// Limit of making one connection.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.options.connect_timeout
    }

    /// Whether its connections show a certificate.
    pub(super) fn is_certified(&self) -> bool {
        self.identity.is_some()
    }

    /// Whether HTTP/1.1 may be spoken.
    pub(super) fn http1(&self) -> bool {
        self.options.versions.http1
    }

    /// The connections of requests that came this way.
    pub(super) fn pool(&self, way: Way) -> &Pool {
        match way {
            Way::Called => &self.called,
            Way::Redirected => &self.redirected,
        }
    }

    /// The client of this moment that works with this pool.
    pub(super) fn client(&self, pool: &Pool, now: Instant) -> HttpClient {
        pool.client(now, || client::pooled(&self.connector, &self.options))
    }

    /// A place for an exchange that goes on beside others, and the client there.
    pub(super) fn place(&self, target: &Uri, way: Way) -> (LanePlace, HttpClient) {
        let lanes = match way {
            Way::Called => &self.called_beside,
            Way::Redirected => &self.redirected_beside,
        };
        let place = lanes.place(target);
        let client = place.client(|| client::shared(&self.connector, &self.options, lanes::STREAMS));
        (place, client)
    }

    /// A client for one request, and what tells that its connection is gone.
    pub(super) fn one_shot_client(&self) -> (HttpClient, Tasks) {
        client::one_shot(&self.connector, &self.options)
    }

    /// The gate that lets one dial at a time through to an origin: without it, calls that start together each make a
    /// connection before the first of them learns that it could have been shared.
    pub(super) fn gate(&self, target: &Uri) -> Arc<Semaphore> {
        let mut gates = lock(&self.gates);
        if gates.len() > GATES {
            gates.retain(|_, gate| Arc::strong_count(gate) > 1);
        }
        Arc::clone(gates.entry(origin(target)).or_insert_with(|| Arc::new(Semaphore::new(1))))
    }
}

#[cfg(test)]
pub mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use bytes::Bytes;
    use http::Request;
    use tokio::runtime::Builder;

    use super::*;
    use crate::document::{InternalHostSpec, TlsSpec};
    use crate::net::body::{Content, WitnessBody};
    use crate::net::guard::Guard;
    use crate::net::tls::Roots;
    use crate::policy::InternalHosts;

    /// A server that responds to every request, and counts its connections.
    fn server() -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let (port, connections) = (listener.local_addr().expect("an address").port(), Arc::new(AtomicUsize::new(0)));
        let counting = Arc::clone(&connections);
        thread::spawn(move || {
            for mut tcp in listener.incoming().flatten() {
                counting.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    let mut buffer = [0; 1024];
                    while tcp.read(&mut buffer).is_ok_and(|read| read > 0) {
                        tcp.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("a reader");
                    }
                });
            }
        });
        (port, connections)
    }

    /// Connections to this port of loopback.
    pub fn options(port: u16) -> NetworkOptions {
        let networks = vec!["127.0.0.0/8".to_owned()];
        let internal = InternalHostSpec { host: "127.0.0.1".to_owned(), networks, ports: vec![port] };
        NetworkOptions {
            guard: Guard::new(Arc::new(InternalHosts::from_specs(&[internal]).expect("valid"))),
            roots: Roots::load(&TlsSpec::default()).expect("the system's"),
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            versions: Versions::default(),
            post_quantum: true,
            header_bytes: 65536,
        }
    }

    fn network(port: u16) -> Network {
        Network::new(options(port), Arc::default()).expect("a network")
    }

    #[test]
    fn a_connection_is_not_used_beyond_its_age() {
        let (port, connections) = server();
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let network = network(port);
        let born = Instant::now();
        for (age, expected) in [(0, 1), (299, 1), (300, 2), (599, 2), (600, 3), (601, 3)] {
            let body = WitnessBody::new(Content::Whole(Bytes::new()), Arc::default(), None);
            let request = Request::get(format!("http://127.0.0.1:{port}/")).body(body).expect("a request");
            let client = network.client(&network.called, born + Duration::from_secs(age));
            let status = runtime.block_on(client.request(request)).expect("a response").status();
            assert_eq!((status.as_u16(), connections.load(Ordering::SeqCst)), (204, expected), "after {age} s");
            // The connection goes back to the pool when its task has its turn.
            runtime.block_on(tokio::task::yield_now());
        }
    }
}
