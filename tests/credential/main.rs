//! Envelopes, the keys that open them, and the places in a request into which a credential is put.

#[path = "../support/mod.rs"]
mod support;

mod alternatives;
mod check;
mod clocks;
mod envelopes;
mod keys;
mod never_indexed;
mod placements;
mod signatures;
