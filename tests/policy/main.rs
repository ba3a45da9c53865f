//! What may be asked, and where: decisions, URLs, hosts, and the addresses behind their names.

#[path = "../support/mod.rs"]
mod support;

mod addresses;
mod decisions;
mod explain;
mod literals;
mod rebinding;
mod recorded;
mod urls;
mod whatwg;
