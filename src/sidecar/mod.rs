//! What PHP and a daemon, the library as a process of another user, tell each other over a socket.
//!
//! A roof beside `ffi`. `frame` and `credit` have no input and no output.

mod credit;
mod frame;

pub use credit::{Credit, Overdrawn, Taken, WINDOW};
pub use frame::{
    FrameFlaw, HEAD_BYTES, Kind, PAYLOAD_BYTES, Pieces, SocketFrame, TooLong, VERSION, write_document, write_piece,
};
