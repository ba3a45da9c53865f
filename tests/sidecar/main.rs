//! The daemon, from outside: what travels, who may ask, and what becomes of a call whatever ends.

#[path = "../support/mod.rs"]
mod support;

mod abuse;
mod attacks;
mod beside;
mod bodies;
mod calls;
mod closings;
mod configurations;
mod ends;
mod frames;
mod host;
mod metrics;
mod refreshes;
mod reload;
mod sockets;
mod units;
mod uploads;
mod users;
