//! Sends HTTP requests with sealed credentials that the caller never holds.
//!
//! Data flows one way: document ([`document`]) → [`policy`] → [`credential`] → wire ([`net`]) → document. [`engine`] is that
//! flow; [`ffi`] hands it to C.

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
pub mod credential;
pub mod document;
pub mod engine;
pub mod envelope;
pub mod error;
pub mod ffi;
pub mod keys;
pub mod net;
pub mod oauth;
pub mod policy;
pub mod secret;
mod sys;
pub mod text;
