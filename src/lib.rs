//! Sends HTTP requests with sealed credentials that the caller never holds.
//!
//! A call goes one way: a [`document`] is read, the [`policy`] decides, an [`envelope`] is opened with [`keys`], the
//! [`credential`] is put into the request, [`net`] sends it, [`audit`] records it, and a document goes back. [`engine`] is that
//! way. Its hosts are [`ffi`], in a process of PHP, and `sidecar`, a process of its own: each is a feature, and neither imports
//! the other.
//!
//! The rooms are on floors, and imports go down only (`tests/abi/floors.rs`):
//!
//! ```text
//! ffi        sidecar       the C interface; the daemon
//! engine                   the way of a call
//! oauth                    access tokens
//! audit      credential    the record; what was sealed, and where it goes
//! net                      addresses, connections, exchanges
//! policy  keys  sign       what is allowed; where keys come from; signatures
//! document   envelope      the documents as types; sealed values
//! secret     cache         the types of secrets; what was made of some bytes
//! error  text  sys         codes; printable text; memory, locks and signals
//! ```
//!
//! `unsafe` is in `ffi` and `sys` only. `docs/architecture.md` has a call from end to end, and which file to open for what.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::indexing_slicing
    )
)]

pub mod audit;
mod cache;
pub mod credential;
pub mod document;
pub mod engine;
pub mod envelope;
pub mod error;
#[cfg(feature = "ffi")]
pub mod ffi;
pub mod keys;
pub mod net;
pub mod oauth;
pub mod policy;
pub mod secret;
#[cfg(feature = "sidecar")]
pub mod sidecar;
pub mod sign;
mod sys;
pub mod text;
