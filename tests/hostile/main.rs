//! Servers that mean harm: a known error, inside the deadline, with bounded memory.

#[path = "../support/mod.rs"]
mod support;

mod bombs;
mod floods;
mod http1;
mod http2;
mod responses;
