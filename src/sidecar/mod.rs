//! The daemon: the library as a process of another user, which PHP asks over a socket.
//!
//! A roof beside `ffi`, and like it a host of `engine`. `frame` and `credit` are what travels, without input and output;
//! `configuration` and `rights` are who may ask for what; `session` is the way of a caller on its connection, on which `peer` reads
//! and writes; `asking` is the document of a call while it arrives, about which `deciding` decides; `pending` is a call that waits for its
//! body, `call` its way, and `running` what can be done to it meanwhile; `account` counts what each has; `records` keeps what was asked;
//! `metrics` counts what operators read, which `openmetrics` writes and `scrape` hands out; `places` is where the sockets are, which `listen`
//! opens; `pulse` keeps calls from waking who waits for the sockets; `daemon` has them all, `accept` takes connections, and `run` is the program.

mod accept;
mod account;
mod asking;
mod call;
mod configuration;
mod credit;
mod daemon;
mod deciding;
mod documents;
mod files;
mod frame;
mod listen;
mod metrics;
mod notify;
mod openmetrics;
mod peer;
mod pending;
mod places;
mod pulse;
mod records;
mod rights;
mod run;
mod running;
mod scrape;
mod session;

pub use asking::CALL_BYTES;
pub use credit::{Credit, Overdrawn, Taken, WINDOW};
pub use frame::{
    FrameFlaw, HEAD_BYTES, Kind, PAYLOAD_BYTES, Pieces, SocketFrame, TooLong, VERSION, write_document, write_piece,
};
pub use run::run;
pub use session::LATE;
