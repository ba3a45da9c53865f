//! The C interface from outside: the header, what the library exports, and hosts that load it; and the floors of the rooms behind it.

#[path = "../support/mod.rs"]
mod support;

mod c_client;
mod c_host;
mod decided;
mod documents;
mod events;
mod exchanges;
mod floors;
mod handles;
mod header;
mod inputs;
mod main_job;
mod many_calls;
mod sources;
mod symbols;
mod uploads;
mod words;
