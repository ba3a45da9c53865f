//! The C ABI with arbitrary bytes, lengths, handles and null pointers, as a sequence of calls.
//!
//! The bytes of a call are one that selects the function, one that selects the handle, and its inputs, each after its length.
//! Run it without a network: it may send requests anywhere.

#![no_main]
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::ptr::null;

use libfuzzer_sys::fuzz_target;
use secure_outbound::ffi::{
    ResultView, secure_outbound_cancel, secure_outbound_check, secure_outbound_close, secure_outbound_decide,
    secure_outbound_decided_free, secure_outbound_end, secure_outbound_explain, secure_outbound_head,
    secure_outbound_open, secure_outbound_read, secure_outbound_result_free, secure_outbound_send,
    secure_outbound_send_decided, secure_outbound_start, secure_outbound_thread_results_free, secure_outbound_wait,
};
use serde_json::Value;

/// The rest of the input.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    /// A pointer and a length: to the next bytes of the input, or null with any length.
    fn bytes(&mut self) -> (*const c_char, usize) {
        match (self.byte(), self.byte()) {
            (Some(255), Some(length)) => (null(), usize::from(length)),
            (Some(high), Some(low)) => {
                let length = (usize::from(high) * 256 + usize::from(low)).min(self.0.len());
                let (bytes, rest) = self.0.split_at(length);
                self.0 = rest;
                (bytes.as_ptr().cast(), length)
            }
            _ => (null(), 0),
        }
    }
}

/// Reads a result as a caller does, and frees it, a copy of it sometimes as well.
fn look(view: &mut ResultView, status: i32, twice: bool) {
    assert!((-4..=1).contains(&status), "{status}");
    let mut copy = ResultView { ..*view };
    // SAFETY: the pointers and lengths of a result are valid until it is freed.
    unsafe {
        if status >= 0 {
            let head = std::slice::from_raw_parts(view.head.cast::<u8>(), view.head_len);
            let head: Value = serde_json::from_slice(head).expect("a head is JSON");
            assert_eq!(head["version"], 1);
            assert_ne!(head["error"]["code"], "internal.panic", "{head}");
        } else {
            assert!(view.id == 0 && view.head.is_null() && view.body.is_null());
        }
        secure_outbound_result_free(view);
        secure_outbound_result_free(view);
        if twice {
            secure_outbound_result_free(&mut copy);
        }
    }
}

/// What an exchange gives: a head where there is one, and else nothing but bytes.
fn look_at_exchange(view: &mut ResultView, status: i32) {
    assert!([0, 1, 2, 3, -5].contains(&status), "{status}");
    if view.head.is_null() || view.head_len == 0 {
        // SAFETY: the library wrote it.
        unsafe { secure_outbound_result_free(view) };
    } else {
        look(view, status.min(1), false);
    }
}

fuzz_target!(|data: &[u8]| {
    // Only an operator, and no attacker, can name files that never end or directories to write to.
    if data.windows(5).any(|window| window == b"/dev/") || data.windows(11).any(|window| window == b"token_cache") {
        return;
    }
    let (mut input, mut last) = (Input(data), 0);
    while let (Some(call), Some(handle)) = (input.byte(), input.byte()) {
        let engine = if handle % 2 == 0 { last } else { u64::from(handle) };
        let mut view = ResultView::EMPTY;
        // SAFETY: every pointer is to as many live bytes as its length says, or null.
        unsafe {
            match call % 8 {
                0 | 4 => {
                    let (config, length) = input.bytes();
                    let status = secure_outbound_open(config, length, &mut last, &mut view);
                    look(&mut view, status, handle % 3 == 0);
                }
                1 | 5 => {
                    let ((request, r), (body, b), (sealed, s)) = (input.bytes(), input.bytes(), input.bytes());
                    let status = secure_outbound_send(engine, request, r, body, b, sealed, s, &mut view);
                    look(&mut view, status, handle % 3 == 0);
                    let status = secure_outbound_check(engine, request, r, sealed, s, &mut view);
                    look(&mut view, status, handle % 3 == 0);
                }
                2 => {
                    let (request, length) = input.bytes();
                    let status = secure_outbound_explain(engine, request, length, usize::from(call), &mut view);
                    look(&mut view, status, handle % 3 == 0);
                }
                6 => {
                    let ((service, v), (request, r), mut number) = (input.bytes(), input.bytes(), 7);
                    let size = usize::from(call) >> 3;
                    let status = secure_outbound_decide(engine, service, v, request, r, size, &mut number, &mut view);
                    look(&mut view, status, handle % 3 == 0);
                    assert_eq!(number == 0, status != 0, "{status}");
                    if handle % 5 == 0 {
                        secure_outbound_decided_free(number);
                    }
                    let ((body, b), (sealed, s)) = (input.bytes(), input.bytes());
                    let status = secure_outbound_send_decided(number, body, b, sealed, s, &mut view);
                    look(&mut view, status, handle % 3 == 0);
                    // NULL with a length is refused before the call is looked for.
                    if status != -1 {
                        let again = secure_outbound_send_decided(number, null(), 0, null(), 0, &mut view);
                        assert_eq!(again, -4);
                    }
                }
                7 => {
                    let ((request, r), (body, b), (sealed, s), mut number) =
                        (input.bytes(), input.bytes(), input.bytes(), 7);
                    let whole = i32::from(handle % 2);
                    let status =
                        secure_outbound_start(engine, request, r, body, b, sealed, s, whole, 1, &mut number, &mut view);
                    assert_eq!(number == 0, status != 0, "{status}");
                    if status == 0 {
                        assert!(view.head.is_null());
                    } else {
                        look(&mut view, status, false);
                    }
                    // A number that is none, as a caller may have it.
                    let exchange = if status == 0 { number } else { u64::from(call) };
                    let mut ready = 9;
                    assert!([0, -5].contains(&secure_outbound_wait(&exchange, 1, u32::from(handle), &mut ready)));
                    let status = secure_outbound_head(exchange, &mut view);
                    look_at_exchange(&mut view, status);
                    let status = secure_outbound_read(exchange, usize::from(handle), &mut view);
                    look_at_exchange(&mut view, status);
                    if handle % 3 == 0 {
                        assert!([0, -5].contains(&secure_outbound_cancel(exchange)));
                    }
                    if handle % 5 == 0 {
                        secure_outbound_thread_results_free();
                    }
                    let status = secure_outbound_end(exchange, &mut view);
                    look_at_exchange(&mut view, status);
                    assert_eq!(secure_outbound_end(exchange, &mut view), -5);
                }
                _ => assert!([0, -3].contains(&secure_outbound_close(engine))),
            }
        }
    }
});
