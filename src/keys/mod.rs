//! Master keys: where they come from, and the ring that keeps them.

mod entry;
mod ring;
mod source;

pub use entry::KeyEntry;
pub use ring::Keyring;
pub use source::{KeyProblem, KeySource, Loaded, Stamp};
