//! Addresses where a connection is neither made nor refused.

#![allow(unsafe_code)]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// A listener whose queue is full, so that the kernel accepts no SYN.
pub struct Silent {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Silent {
    /// Makes this address silent.
    pub fn at(address: &str, port: u16) -> Self {
        let listener = TcpListener::bind((address, port)).expect("the test's own address");
        // SAFETY: a descriptor of this process; a second call only changes the length of the queue.
        assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
        let to: SocketAddr = listener.local_addr().expect("an address");
        let knock = || TcpStream::connect_timeout(&to, Duration::from_millis(100)).ok();
        let waiting = std::iter::from_fn(knock).collect();
        Self { listener, _waiting: waiting }
    }

    /// Makes room in the queue: the next SYN, which the kernel of the other side repeats after a second, is accepted.
    pub fn speak(&self) -> TcpStream {
        self.listener.accept().expect("what filled the queue").0
    }

    /// The next connection. Those that had filled the queue come first.
    pub fn accept(&self) -> TcpStream {
        self.listener.accept().expect("a connection").0
    }
}
