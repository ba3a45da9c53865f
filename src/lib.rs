//! Sends HTTP requests with sealed credentials that the caller never holds.
//!
//! Data flows one way: document ([`spec`]) → [`policy`] → [`credential`] → wire ([`net`]) → document. [`engine`] is that
//! flow; [`ffi`] hands it to C.

pub mod credential;
pub mod envelope;
pub mod error;
pub mod keys;
pub mod policy;
pub mod secret;
pub mod spec;
