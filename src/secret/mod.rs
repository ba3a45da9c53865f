//! The types that secret bytes live in, what may be done with them, and JSON that is read without leaving copies of them.
//!
//! [`Secret`] is for the time of a call, [`LockedSecret`] for what outlives it; neither can be copied, shown or compared by
//! chance. Below is `sys`, which has the locked pages. Above is everything that handles a secret: envelope and keys make
//! them, credential, oauth and net use them.

mod equal;
pub(crate) mod json;
mod lacks;
mod locked;
mod value;

pub use equal::equal_in_constant_time;
pub(crate) use lacks::lacks;
pub use locked::LockedSecret;
pub use value::Secret;
