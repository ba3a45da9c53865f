//! OAuth 2.0 access tokens.

mod lease;
mod sealed;
mod slot;
mod store;

pub use lease::Lease;
pub use sealed::StoredToken;
pub use slot::SlotId;
pub use store::Store;
