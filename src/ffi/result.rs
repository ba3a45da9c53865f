//! Results: the library owns their bytes until they are freed by id.

use std::ffi::c_char;
use std::ptr;

use super::by_thread::ByThread;
use crate::sys::Buffer;

/// A result. The library owns what it points to until `secure_outbound_result_free`.
#[repr(C)]
#[derive(Debug)]
pub struct ResultView {
    /// Id of the live result; 0 where there is none.
    pub id: u64,
    /// UTF-8 JSON; NULL where there is none.
    pub head: *const c_char,
    /// Bytes at `head`.
    pub head_len: usize,
    /// The raw bytes of the response body; NULL where there is none.
    pub body: *const c_char,
    /// Bytes at `body`.
    pub body_len: usize,
}

impl ResultView {
    /// A result that holds nothing.
    pub const EMPTY: Self = Self { id: 0, head: ptr::null(), head_len: 0, body: ptr::null(), body_len: 0 };
}

/// The live results of a process.
#[derive(Default)]
pub struct Results(ByThread<OwnedResult>);

struct OwnedResult {
    _head: Box<[u8]>,
    _body: Buffer,
}

impl Results {
    /// Keeps the bytes and gives the view that points to them.
    pub fn keep(&self, head: Vec<u8>, body: Buffer) -> ResultView {
        let head = head.into_boxed_slice();
        let (head_start, body_start) = (start(&head), start(&body));
        let (head_len, body_len) = (head.len(), body.len());
        let id = self.0.keep(OwnedResult { _head: head, _body: body });
        ResultView { id, head: head_start, head_len, body: body_start, body_len }
    }

    /// Lets the result of this id go, if it is still there.
    pub fn free(&self, id: u64) {
        drop(self.0.take(id));
    }

    /// Lets every result go that a call of this thread gave.
    pub fn free_of_this_thread(&self) {
        self.0.free_of_this_thread();
    }
}

fn start(bytes: &[u8]) -> *const c_char {
    if bytes.is_empty() { ptr::null() } else { bytes.as_ptr().cast() }
}
