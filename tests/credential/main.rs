//! Envelopes, the keys that open them, and the places of a request that a credential goes to.

#[path = "../support/mod.rs"]
mod support;

mod alternatives;
mod check;
mod envelopes;
mod keys;
mod never_indexed;
mod placements;
