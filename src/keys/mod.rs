//! Master keys: where they come from, and the ring that keeps them.

mod ring;
mod source;

pub use ring::Keyring;
pub use source::{KeyProblem, KeySource, Loaded, Stamp};
