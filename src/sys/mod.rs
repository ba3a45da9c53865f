//! The ground under every room: memory that is locked, wiped, random or lost in a fork, and mutexes that outlive a panic.
//!
//! It asks the system and knows nothing of requests and secrets; what a room needs of the system that takes `unsafe` is here.
//! The only other room with `unsafe` is `ffi`, for what it is handed by C.

#![allow(unsafe_code)]

mod alloc;
#[cfg(feature = "ffi")]
mod birth;
mod buffer;
#[cfg(feature = "ffi")]
pub mod epoll;
#[cfg(feature = "sidecar")]
mod inherited;
mod mutex;
mod pages;
pub mod random;
mod stack;

#[cfg(feature = "ffi")]
pub use birth::BirthMark;
pub use buffer::Buffer;
#[cfg(feature = "sidecar")]
pub use inherited::inherited_listeners;
pub use mutex::lock;
pub use pages::LockedPages;
pub use stack::wiped;
