//! hyper-util's clients, and the tasks of their connections.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::rt::Executor;
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::rt::TokioTimer;
use tokio::task::JoinHandle;

use super::body::WitnessBody;
use super::body_task::Endable;
use super::connector::Connector;
use super::family::Spawner;
use super::options::NetworkOptions;
use super::tasks::{Task, spawn};
use super::upload::AHEAD;
use crate::sys::lock;

/// Servers close idle connections after 60 s and more. Closing before them avoids the race.
const IDLE_TIME: Duration = Duration::from_secs(55);
const IDLE_PER_ORIGIN: usize = 8;

/// How much of a response that nobody reads waits with its exchange.
pub const WAITING: u32 = 64 * 1024;

/// How much more of it may be on its way: all in all a mebibyte is held.
const WINDOW: u32 = (1 << 20) - WAITING;

/// How much of a response that is read to its end at once may be on its way. What a server sends in a round trip is no more than that, so
/// less would make large responses from far away slow.
const WHOLE_WINDOW: u32 = 16 << 20;

/// The same for all the responses on one connection.
const WHOLE_CONNECTION_WINDOW: u32 = 64 << 20;

/// The client type that the pool works with.
pub type HttpClient = Client<Connector, WitnessBody>;

/// A client that keeps connections.
pub fn pooled(connector: &Connector, options: &NetworkOptions) -> HttpClient {
    builder(options, Spawner, IDLE_PER_ORIGIN)
        .http2_initial_stream_window_size(WHOLE_WINDOW)
        .http2_initial_connection_window_size(WHOLE_CONNECTION_WINDOW)
        .build(connector.clone())
}

/// A client that keeps connections on which so many exchanges go on beside each other.
pub fn shared(connector: &Connector, options: &NetworkOptions, streams: u32) -> HttpClient {
    builder(options, Endable, IDLE_PER_ORIGIN)
        .http2_initial_stream_window_size(WINDOW)
        .http2_initial_connection_window_size(WINDOW * streams)
        .http2_max_send_buf_size(AHEAD)
        .build(connector.clone())
}

/// A client for one request, which keeps no connection, and the tasks that tell when its connection is gone.
pub fn one_shot(connector: &Connector, options: &NetworkOptions) -> (HttpClient, Tasks) {
    let tasks = Tasks::default();
    (builder(options, tasks.clone(), 0).build(connector.clone()), tasks)
}

fn builder(options: &NetworkOptions, executor: impl Spawns, idle: usize) -> Builder {
    // The stack below counts a status line and what HTTP/2 adds to every field. It bounds memory; `head::check` is exact.
    let head = options.header_bytes.max(8192) + 8192;
    let mut builder = Client::builder(executor);
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIME)
        .pool_max_idle_per_host(idle)
        .http2_only(!options.versions.http1)
        .http1_max_buf_size(head as usize)
        .http2_max_header_list_size(head);
    builder
}

/// What hyper's client starts its connections with.
trait Spawns: Executor<Task> + Clone + Send + Sync + 'static {}
impl<T: Executor<Task> + Clone + Send + Sync + 'static> Spawns for T {}

/// The tasks of one client's connections.
#[derive(Clone, Default)]
pub struct Tasks(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Executor<Task> for Tasks {
    fn execute(&self, task: Task) {
        lock(&self.0).push(spawn(task));
    }
}

impl Tasks {
    /// Waits until all of them have ended, and their sockets and buffers with them.
    pub async fn ended(&self) {
        loop {
            let Some(task) = lock(&self.0).pop() else { return };
            // One that panicked has ended as well.
            let _ = task.await;
        }
    }

    /// Aborts them.
    pub fn abort(&self) {
        lock(&self.0).iter().for_each(JoinHandle::abort);
    }
}
