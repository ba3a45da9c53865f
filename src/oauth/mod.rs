//! Tokens: OAuth 2.0 access tokens, by client credentials (RFC 6749 section 4.4) and by signed assertions (RFC 7523 section 2.1),
//! and JWTs that a sealed key signs.
//!
//! [`Tokens`] are those of an engine, with a [`Slot`] for each credential. Where a slot has none that may be sent, one fetch gets
//! it for everybody who waits (single-flight): from the [`Store`] that the workers of a host share, or as the [`TokenSource`]
//! says, from a token endpoint or with a key.
//!
//! `engine`, above, puts the token into its requests and says when an API has rejected it. `credential`, below, has read the
//! grant, `sign` signs its assertion, `policy` judges the token endpoint's URL, and `net` sends the token request.

mod assertion;
mod cache;
pub mod endpoint;
mod fetch;
mod lease;
mod request;
mod response;
mod sealed;
mod single_flight;
mod slot;
mod store;
mod sweep;
mod token;

pub use cache::{Slot, Tokens};
pub use fetch::{SharedStore, TokenSource};
pub use lease::Lease;
pub use sealed::StoredToken;
pub use single_flight::Waiter;
pub use slot::SlotId;
pub use store::Store;
pub use token::{Token, TokenId};
