//! Results: the library owns their bytes until they are freed by id.

use std::collections::HashMap;
use std::ffi::c_char;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::sys::lock;

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

/// Ids go on over a fork, so that a parent's result never names one of the child's.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Numbers of threads, of which none is used again.
static NEXT_THREAD: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static THREAD: u64 = NEXT_THREAD.fetch_add(1, Ordering::Relaxed);
}

/// The live results of a process.
#[derive(Default)]
pub struct Results(Mutex<HashMap<u64, Owned>>);

struct Owned {
    /// The thread whose call it is of.
    thread: u64,
    _head: Box<[u8]>,
    _body: Vec<u8>,
}

impl Results {
    /// Keeps the bytes and gives the view that points to them.
    pub fn keep(&self, head: Vec<u8>, body: Vec<u8>) -> ResultView {
        let head = head.into_boxed_slice();
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut view = ResultView { id, head: head.as_ptr().cast(), head_len: head.len(), ..ResultView::EMPTY };
        if !body.is_empty() {
            view.body = body.as_ptr().cast();
            view.body_len = body.len();
        }
        self.live().insert(id, Owned { thread: THREAD.with(|thread| *thread), _head: head, _body: body });
        view
    }

    /// Lets the result of this id go, if it is still there.
    pub fn free(&self, id: u64) {
        let owned = self.live().remove(&id);
        drop(owned);
    }

    /// Lets every result go that a call of this thread gave.
    pub fn free_of_this_thread(&self) {
        let thread = THREAD.with(|thread| *thread);
        let owned: Vec<Owned> =
            self.live().extract_if(|_, owned| owned.thread == thread).map(|(_, owned)| owned).collect();
        drop(owned);
    }

    fn live(&self) -> MutexGuard<'_, HashMap<u64, Owned>> {
        lock(&self.0)
    }
}
