//! What calls do to the process that makes them: its memory, its threads and its forked children.

#[path = "../support/mod.rs"]
mod support;

mod client_keys;
mod forks;
mod memory;
mod refresh_tokens;
mod resolver_thread;
mod role_keys;
mod shared_secrets;
mod signatures;
mod signing_keys;
