//! HTTP/3: connections of QUIC for origins that are known to have it, beside those of TCP. In builds with the feature `http3` alone.
//!
//! `connect` lets both race to an origin, `pool` keeps what was made and knows where QUIC does not get through, `exchange` sends a
//! request, and `alt_svc` remembers which origins say that they have it.

pub mod alt_svc;
mod connect;
mod connection;
mod endpoint;
pub mod exchange;
mod failure;
mod frames;
pub mod pool;
mod quic;
mod receive;
mod response;
mod streams;
#[cfg(test)]
mod tests;
