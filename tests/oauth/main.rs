//! Access tokens: the requests to a token endpoint, and how the workers of a host share the tokens.

#[path = "../support/mod.rs"]
mod support;

mod assertions;
mod clocks;
mod exchanges;
mod jwts;
mod refresh_disk;
mod refresh_workers;
mod refreshing;
mod requests;
mod roles;
mod servers;
mod sharing;
mod store;
mod tokens;
mod workers;
