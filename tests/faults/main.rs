//! What goes wrong on the way, and what a call does then: codes, `sent`, attempts and deadlines.

#[path = "../support/mod.rs"]
mod support;

mod breaker;
mod deadlines;
mod retries;
mod sent;
mod silence;
mod silent_peers;
mod table;
mod unprocessed;
