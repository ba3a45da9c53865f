//! The ground under every room: memory that is locked, wiped or random, signals, and mutexes that outlive a panic.
//!
//! It asks the system and knows nothing of requests and secrets; what a room needs of the system that takes `unsafe` is here.
//! The only other room with `unsafe` is `ffi`, for what it is handed by C.

#![allow(unsafe_code)]

mod alloc;
mod mutex;
mod pages;
pub mod random;
mod signals;
mod stack;

pub use mutex::lock;
pub use pages::LockedPages;
pub use signals::SigpipeBlocked;
pub use stack::wiped;
