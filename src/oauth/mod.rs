//! Tokens: OAuth 2.0 access tokens, by client credentials (RFC 6749 section 4.4), by signed assertions (RFC 7523 section 2.1) and by
//! refresh tokens (RFC 6749 section 6), JWTs that a sealed key signs, and temporary keys of AWS.
//!
//! [`Tokens`] are those of an engine, with a [`Slot`] for each credential. Where a slot has none that may be sent, one fetch gets
//! it for everybody who waits (single-flight): from the [`Store`] that the workers of a host share, or as the [`TokenSource`]
//! says, from a token endpoint or with a key. A refresh token lies in the [`RefreshStore`], from which nothing may be lost.
//!
//! `engine`, above, puts the token into its requests and says when an API has rejected it. `credential`, below, has read the
//! grant, `sign` signs its assertion, `policy` judges the token endpoint's URL, and `net` sends the token request.

mod ask;
mod assertion;
mod assumed;
mod block;
mod cache;
mod directory;
pub mod endpoint;
mod exchanged;
mod fetch;
mod lease;
mod question;
mod record;
mod refresh;
mod refresh_store;
mod request;
mod response;
mod sealed;
mod single_flight;
mod slot;
mod source;
mod store;
mod sweep;
mod token;
mod under_way;
mod xml;

pub use cache::{Slot, Tokens};
pub use lease::Lease;
pub use record::Record;
pub use refresh_store::{RefreshStore, unavailable};
pub use sealed::StoredToken;
pub use single_flight::Waiter;
pub use slot::SlotId;
pub use source::{Files, KeptTokens, SharedStore, TokenSource};
pub use store::Store;
pub use token::{Token, TokenId};
pub use under_way::{is_refreshing, refreshed};
