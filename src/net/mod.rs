//! The wire: resolving, guarding, dialling, pooling, sending and reading.
//!
//! A [`Network`] has the connections of one engine. [`Network::exchange`] sends a request on one of its pool and gives the
//! [`Response`] as soon as its head is there; Exchanges that go on beside each other have connections of their own (`lanes`);
//! [`Network::one_shot`] has a connection for one request alone, and [`Network::certified`] gives those that show a client certificate,
//! [`Network::speaking`] those of a policy that narrows the versions of HTTP.
//! A connection is made
//! by `connector`, to addresses that [`Guard`] has resolved and judged.
//!
//! No other room knows the HTTP stack. `policy`, below, says which addresses may be dialled; `oauth` and `engine`, above, say
//! what is sent, and when it is sent again.

mod body;
mod body_task;
mod classify;
mod client;
mod coding;
mod connection;
mod connector;
mod date;
mod decode;
mod dial;
mod exchange;
mod facts;
mod family;
mod frames;
mod guard;
mod head;
mod http1;
#[cfg(feature = "http3")]
mod http3;
mod identity;
mod idle;
mod lanes;
mod lookahead;
mod network;
mod one_shot;
mod options;
mod paced;
mod pins;
mod poll;
mod pool;
mod proxy;
mod resolve;
mod response;

mod socket;
mod splitter;
mod tasks;
mod terms;
mod tls;
mod upload;
mod watch;

pub use body::{Content, Witness};
pub use client::WAITING;
pub use date::{date, http_date};
pub use decode::Taker;
pub use guard::Guard;
#[cfg(feature = "http3")]
pub use http3::alt_svc::AltSvc;
pub use idle::{IdleLimit, IdleWait};
pub use network::{Network, Way};
pub use options::NetworkOptions;
pub use poll::poll_sockets;
pub use proxy::Proxy;
pub use resolve::Lookups;
pub use response::{Collected, Response};
pub use tasks::spawn;
#[cfg(feature = "ffi")]
pub use tasks::{any_woken, forget_woken, noticed};
pub use terms::{Failure, QuicPort, Terms, idle_error};
pub use tls::Roots;
pub use upload::{Rest, Upload};
pub use watch::Observed;
