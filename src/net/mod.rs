//! The wire: resolving, guarding, dialling, pooling and reading. No other room knows the HTTP stack.

mod body;
mod classify;
mod client;
mod coding;
mod connection;
mod connector;
mod decode;
mod dial;
mod exchange;
mod frames;
mod guard;
mod http1;
mod paced;
mod pins;
mod pool;
mod proxy;
mod resolve;
mod runtime;
mod single;
mod socket;
mod tls;

pub use body::Witness;
pub use client::{Network, NetworkOptions, Way};
pub use decode::{drain_body, read_body};
pub use exchange::{Answer, Exchange, Failure};
pub use guard::Guard;
pub use proxy::Proxy;
pub use resolve::Lookups;
pub use runtime::{Runtime, tick};
pub use tls::Roots;
