//! Master keys: where they come from, and the ring that keeps them.
//!
//! [`KeySource`] reads one key, from a file, from the environment or from the configuration, by the rules of nr-vault's
//! providers; [`Keyring`] has those of a configuration. Below are `document`, which has the entries of `master_keys`, and
//! `envelope`, which has the type of a key and opens with it. Above, `engine` has a ring for each engine, and asks it for
//! keys when an envelope is to be opened.

mod problem;
mod ring;
mod source;

pub use problem::KeyProblem;
pub use ring::Keyring;
pub use source::{KeySource, Loaded, Stamp};
