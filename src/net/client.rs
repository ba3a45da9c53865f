//! The pooled clients, and one dial at a time for an origin.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::Uri;
use hyper::rt::Executor;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::body::WitnessBody;
use super::connector::Connector;
use super::guard::Guard;
use super::http1::origin;
use super::pool::Pool;
use super::proxy::Proxy;
use super::resolve::Lookups;
use super::tls::Roots;
use crate::document::Resolution;
use crate::error::Error;
use crate::policy::{Scheme, Target};
use crate::sys::lock;

/// Servers close idle connections after 60 s and more; going first avoids the race.
const IDLE_TIME: Duration = Duration::from_secs(55);
const IDLE_PER_ORIGIN: usize = 8;
/// Of all origins that calls went to.
const IDLE: usize = 64;
/// Of all that only redirects led to: their number is the servers' choice.
const IDLE_REDIRECTED: usize = 8;
/// Gates of origins that nobody waits at are swept above this number.
const GATES: usize = 64;

/// How an engine's connections are made.
#[derive(Clone)]
pub struct NetworkOptions {
    /// Resolves and judges.
    pub guard: Guard,
    /// Trust anchors.
    pub roots: Roots,
    /// The proxy, if any.
    pub proxy: Option<Arc<Proxy>>,
    /// Limit of resolving, TCP, CONNECT and TLS together.
    pub connect_timeout: Duration,
    /// HTTP/1.1 may be agreed.
    pub http1: bool,
    /// HTTP/2 may be agreed.
    pub http2: bool,
    /// TLS offers key exchanges that a quantum computer does not break.
    pub post_quantum: bool,
    /// Cap of an answer's head.
    pub header_bytes: u32,
}

impl NetworkOptions {
    /// Who resolves a target's name, where the proxy serves it.
    pub fn proxy_resolution(&self, target: &Target) -> Option<&'static str> {
        let origin = target.origin();
        let proxy = self.proxy.as_ref().filter(|proxy| proxy.serves(origin.scheme == Scheme::Https, &origin.host))?;
        Some(match proxy.resolution {
            Resolution::Local => "local",
            Resolution::Proxy => "proxy",
        })
    }
}

/// The client type that the pool works with.
pub type HttpClient = Client<Connector, WitnessBody>;

/// Who chose the origin of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The caller.
    Called,
    /// A server, by a redirect.
    Redirected,
}

/// The connections of one engine in one process.
pub struct Network {
    connector: Connector,
    options: NetworkOptions,
    called: Pool,
    redirected: Pool,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Network {
    /// Prepares connections. Nothing is opened yet.
    pub fn new(options: NetworkOptions, lookups: Arc<Lookups>) -> Result<Self, Error> {
        let connector = Connector::new(&options, lookups)?;
        Ok(Self {
            connector,
            options,
            called: Pool::new(IDLE),
            redirected: Pool::new(IDLE_REDIRECTED),
            gates: Mutex::default(),
        })
    }

    /// Cap of an answer's head in bytes.
    pub fn header_bytes(&self) -> usize {
        self.options.header_bytes as usize
    }

    /// Limit of making one connection.
    pub(super) fn connect_timeout(&self) -> Duration {
        self.options.connect_timeout
    }

    /// Whether HTTP/1.1 may be spoken.
    pub(super) fn http1(&self) -> bool {
        self.options.http1
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
        pool.client(now, || self.build(TokioExecutor::new(), IDLE_PER_ORIGIN))
    }

    /// A client for one request, which keeps no connection, and what tells that its connection is gone.
    pub(super) fn one_off(&self) -> (HttpClient, Tasks) {
        let tasks = Tasks::default();
        (self.build(tasks.clone(), 0), tasks)
    }

    fn build(&self, executor: impl Spawns, idle: usize) -> HttpClient {
        // The stack below counts a status line and what HTTP/2 adds to every field. It bounds memory; `check_head` is exact.
        let head = self.options.header_bytes.max(8192) + 8192;
        Client::builder(executor)
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIME)
            .pool_max_idle_per_host(idle)
            .http2_only(!self.options.http1)
            .http1_max_buf_size(head as usize)
            .http2_max_header_list_size(head)
            .build(self.connector.clone())
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

/// What hyper's client starts its connections with.
trait Spawns: Executor<Task> + Clone + Send + Sync + 'static {}
impl<T: Executor<Task> + Clone + Send + Sync + 'static> Spawns for T {}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The tasks of one client's connections.
#[derive(Clone, Default)]
pub(super) struct Tasks(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Executor<Task> for Tasks {
    fn execute(&self, task: Task) {
        lock(&self.0).push(tokio::spawn(task));
    }
}

impl Tasks {
    /// Waits until all of them have ended, and their sockets and buffers with them.
    pub(super) async fn ended(&self) {
        loop {
            let Some(task) = lock(&self.0).pop() else { return };
            // One that panicked has ended as well.
            let _ = task.await;
        }
    }

    /// Ends them where they are.
    pub(super) fn abort(&self) {
        lock(&self.0).iter().for_each(JoinHandle::abort);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use bytes::Bytes;
    use http::Request;

    use super::*;
    use crate::document::{InternalHostSpec, TlsSpec};
    use crate::net::Runtime;
    use crate::policy::InternalHosts;

    /// A server that answers every request, and counts its connections.
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

    fn network(port: u16) -> Network {
        let networks = vec!["127.0.0.0/8".to_owned()];
        let internal = InternalHostSpec { host: "127.0.0.1".to_owned(), networks, ports: vec![port] };
        let options = NetworkOptions {
            guard: Guard::new(Arc::new(InternalHosts::from_specs(&[internal]).expect("valid"))),
            roots: Roots::load(&TlsSpec::default()).expect("the system's"),
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            http1: true,
            http2: true,
            post_quantum: true,
            header_bytes: 65536,
        };
        Network::new(options, Arc::default()).expect("a network")
    }

    #[test]
    fn a_connection_is_not_used_beyond_its_age() {
        let (port, connections) = server();
        let (network, runtime) = (network(port), Runtime::new().expect("a runtime"));
        let born = Instant::now();
        for (age, expected) in [(0, 1), (299, 1), (300, 2), (599, 2), (600, 3), (601, 3)] {
            let (body, _) = WitnessBody::new(Bytes::new());
            let request = Request::get(format!("http://127.0.0.1:{port}/")).body(body).expect("a request");
            let client = network.client(&network.called, born + Duration::from_secs(age));
            let status = runtime.block_on(client.request(request)).expect("an answer").status();
            assert_eq!((status.as_u16(), connections.load(Ordering::SeqCst)), (204, expected), "after {age} s");
            // The connection goes back to the pool when its task has its turn.
            runtime.block_on(tokio::task::yield_now());
        }
    }
}
