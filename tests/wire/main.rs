//! One request and its response as servers see them: connections, TLS, proxies, heads and bodies.

#[path = "../support/mod.rs"]
mod support;

mod body;
mod certificates;
mod chains;
mod codings;
mod fields;
mod heads;
mod http1_required;
mod idle;
mod large_requests;
mod lookups;
mod pieces;
mod pool;
mod prior_knowledge;
mod proxy;
mod redirects;
mod several_addresses;
mod tls;
mod versions;
