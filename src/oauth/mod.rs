//! OAuth 2.0 access tokens, by client credentials (RFC 6749 section 4.4).
//!
//! [`Tokens`] keeps them, a flight fetches one for everybody who waits, and what is fetched is asked of the token
//! endpoint or found in the [`Store`] that the workers of a host share.

mod answer;
mod ask;
mod cache;
pub mod endpoint;
mod fetch;
mod flight;
mod lease;
mod sealed;
mod slot;
mod store;
mod sweep;
mod token;

pub use cache::{Slot, Tokens};
pub use fetch::{Errand, Shared};
pub use flight::Ride;
pub use lease::Lease;
pub use sealed::StoredToken;
pub use slot::SlotId;
pub use store::Store;
pub use token::{Token, TokenId};
