//! The flow of a call: document → policy → credential → wire → document.
//!
//! An [`Engine`] is an open configuration, and [`Engines`] are those of a process. [`Engine::start`] makes an [`Exchange`]
//! of a [`Call`]: it is decided, its credentials are unsealed and placed, and nothing is sent yet (`prepare`).
//! [`Exchange::collect`] sends it and gives the [`Reply`], [`Exchange::begin`] makes a task of it whose response comes in
//! pieces to an [`Ongoing`]: a call has attempts, an attempt has hops, and a hop may be sent
//! more than once; `retry` has every rule of sending again.
//!
//! The room takes and gives plain documents and does not know its host. Whoever hosts it says what audit records call it, and
//! drives its futures on a runtime of its own. Below, `policy` decides, `credential` places, `oauth` has the access tokens,
//! `net` sends, and `audit` records.

mod attempts;
mod bind;
mod breaker;
mod budget;
mod call;
mod circuits;
mod clock;
mod decide;
mod decided;
mod engines;
mod exchange;
mod explain;
mod hops;
mod inbox;
mod ongoing;
mod pause;
mod prepare;
mod refusal;
mod reply;
mod response;
mod retry;
mod route;
mod send;
mod services;
mod signing;
mod state;
mod token;
mod unseal;

pub use call::{Call, RequestBody};
pub use decide::RequestHead;
pub use decided::{Decided, DecidedLimits};
pub use engines::{Engines, Heritage};
pub use exchange::Exchange;
pub use ongoing::{Delivery, Ongoing, Piece, Ready, Rest};
pub use reply::{Reply, document, panic_reply};
pub use state::Engine;
