//! Hostile servers: each attack ends in a known error, before the deadline and with bounded memory.

#[path = "../support/mod.rs"]
mod support;

mod bombs;
mod floods;
mod http1;
mod http2;
mod responses;
