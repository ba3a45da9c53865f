//! Exchanges through the C ABI in any order of calls, with a server on loopback that sends anything: nothing panics, every call gives
//! what its page says, and every exchange ends with a record.
//!
//! The lowest bit of the first byte selects the version of HTTP. What the server sends follows after its length, and then the calls,
//! each a byte that selects it and one that says what it is given.

#![no_main]
#![allow(unsafe_code)]

use std::ffi::c_char;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ptr::null;

use libfuzzer_sys::fuzz_target;
use secure_outbound::ffi::{
    ResultView, secure_outbound_cancel, secure_outbound_close, secure_outbound_decide, secure_outbound_end,
    secure_outbound_event, secure_outbound_head, secure_outbound_open, secure_outbound_read,
    secure_outbound_result_free, secure_outbound_start, secure_outbound_start_decided,
    secure_outbound_start_decided_upload, secure_outbound_start_upload, secure_outbound_thread_results_free,
    secure_outbound_wait, secure_outbound_write,
};
use serde_json::{Value, json};

mod server;

use server::server;

const OK: i32 = 0;
const FAILED: i32 = 1;
const PENDING: i32 = 2;
const END: i32 = 3;
const UNKNOWN_EXCHANGE: i32 = -5;

/// More bytes than are taken ahead.
static BODY: [u8; 100_000] = [b'a'; 100_000];

fn serve(tcp: &mut TcpStream, response: &[u8]) {
    let _ = tcp.read(&mut [0; 1024]);
    let _ = tcp.write_all(response);
    let _ = tcp.shutdown(Shutdown::Write);
    let _ = std::io::copy(tcp, &mut std::io::sink());
}

/// Reads a result as a caller does, and frees it: the document, if there is one, and how many bytes of a body.
fn taken(view: &mut ResultView) -> (Value, usize) {
    let document = match view.head_len {
        0 => Value::Null,
        // SAFETY: pointer and length of a result are valid until it is freed.
        length => serde_json::from_slice(unsafe { std::slice::from_raw_parts(view.head.cast::<u8>(), length) })
            .expect("a document is JSON"),
    };
    let body = view.body_len;
    // SAFETY: the library wrote it.
    unsafe { secure_outbound_result_free(view) };
    assert_ne!(document["error"]["code"], "internal.panic", "{document}");
    (document, body)
}

/// What the calls are made on.
struct Host {
    engine: u64,
    request: String,
    open: Vec<u64>,
}

impl Host {
    fn begin(&mut self, call: u8, given: u8) {
        let (text, length) = (self.request.as_ptr().cast::<c_char>(), self.request.len());
        let (mut exchange, mut view, body) = (7, ResultView::EMPTY, BODY.as_ptr().cast::<c_char>());
        let (whole, idle, size) = (i32::from(given & 1), 5, usize::from(given) * 300);
        let said = i64::try_from(size).expect("small");
        // SAFETY: every pointer is to as many live bytes as its length says, or null.
        let status = unsafe {
            match call % 4 {
                0 => secure_outbound_start(
                    self.engine,
                    text,
                    length,
                    body,
                    size,
                    null(),
                    0,
                    whole,
                    idle,
                    &mut exchange,
                    &mut view,
                ),
                1 => secure_outbound_start_upload(
                    self.engine,
                    text,
                    length,
                    if given & 2 == 0 { said } else { -1 },
                    null(),
                    0,
                    whole,
                    idle,
                    &mut exchange,
                    &mut view,
                ),
                kind => {
                    let mut number = 7;
                    let status =
                        secure_outbound_decide(self.engine, null(), 0, text, length, size, &mut number, &mut view);
                    assert_eq!((status, taken(&mut view).1), (OK, 0));
                    // Sometimes it is not what was decided about.
                    let size = size + usize::from(given & 4);
                    if kind == 2 {
                        secure_outbound_start_decided(
                            number,
                            body,
                            size,
                            null(),
                            0,
                            whole,
                            idle,
                            &mut exchange,
                            &mut view,
                        )
                    } else {
                        let said = if given & 8 == 0 { said + i64::from(given & 4) } else { -1 };
                        secure_outbound_start_decided_upload(
                            number,
                            said,
                            null(),
                            0,
                            whole,
                            idle,
                            &mut exchange,
                            &mut view,
                        )
                    }
                }
            }
        };
        let (document, _) = taken(&mut view);
        assert_eq!((status == OK, exchange != 0), (document.is_null(), document.is_null()), "{status}, {document}");
        if status == OK {
            self.open.push(exchange);
        } else {
            assert_eq!(status, FAILED);
        }
    }

    fn write(exchange: u64, given: u8) -> i32 {
        let (length, mut count) = (usize::from(given >> 2) * 1500, usize::MAX);
        let last = [0, 1, -1, i32::MAX][usize::from(given & 3)];
        // SAFETY: the bytes are as many as their length says, and the number is a live value.
        let status = unsafe { secure_outbound_write(exchange, BODY.as_ptr().cast(), length, last, &mut count) };
        assert!(count <= length.min(64 * 1024) && (status == OK || count == 0), "{status}, {count} of {length}");
        status
    }

    fn call(&mut self, call: u8, given: u8) {
        let known = self.open.get(usize::from(given) % (self.open.len() + 1)).copied();
        // A number that is none, as a caller may have it.
        let exchange = known.unwrap_or(u64::MAX - u64::from(given));
        let mut view = ResultView::EMPTY;
        // SAFETY: every pointer is to a live value.
        let (status, possible) = unsafe {
            match call % 8 {
                0 => (Self::write(exchange, call ^ given), &[OK, END][..]),
                1 => (secure_outbound_head(exchange, &mut view), &[OK, FAILED, PENDING][..]),
                2 => (
                    secure_outbound_read(exchange, usize::from(call) * 100, &mut view),
                    &[OK, FAILED, PENDING, END][..],
                ),
                3 => (secure_outbound_cancel(exchange), &[OK][..]),
                4 => {
                    let mut ready = 9;
                    let status = secure_outbound_wait(&exchange, 1, u32::from(call >> 5), &mut ready);
                    assert!(ready <= 3 || status != OK);
                    (status, &[OK][..])
                }
                5 => {
                    let (mut fd, mut timeout) = (-2, -2);
                    assert_eq!(secure_outbound_event(&mut fd, &mut timeout), OK);
                    assert!(fd >= 0 && timeout == if self.open.is_empty() { -1 } else { 100 });
                    return;
                }
                6 => {
                    let mut ready = vec![9; self.open.len()];
                    let numbers = (self.open.as_ptr(), self.open.len());
                    let status = secure_outbound_wait(numbers.0, numbers.1, u32::from(call >> 5), ready.as_mut_ptr());
                    assert!(status == OK && ready.iter().all(|ready| *ready <= 3));
                    return;
                }
                _ => {
                    self.open.retain(|open| *open != exchange);
                    (secure_outbound_end(exchange, &mut view), &[OK][..])
                }
            }
        };
        let (document, _) = taken(&mut view);
        let expected = if known.is_some() { possible } else { &[UNKNOWN_EXCHANGE] };
        assert!(expected.contains(&status), "call {call} of {known:?}: {status}, {document}");
    }

    /// Ends what is left, each with its record.
    fn finish(&mut self) {
        for exchange in self.open.drain(..) {
            let mut view = ResultView::EMPTY;
            // SAFETY: the pointer is to a live value.
            let status = unsafe { secure_outbound_end(exchange, &mut view) };
            let (document, _) = taken(&mut view);
            assert_eq!((status, &document["audit"]["service_id"]), (OK, &json!("fuzz")), "{document}");
        }
    }
}

fn request(port: u16) -> String {
    json!({
        "version": 1, "service_id": "fuzz", "method": "POST", "base_url": format!("http://127.0.0.1:{port}"), "path": "/",
        "timeout_ms": 10, "policy": {
            "allowed_methods": ["GET", "POST"], "allow_http": true, "request_bytes": 80_000, "response_bytes": 65_536,
            "max_attempts": 2, "max_redirects": 2,
        },
    })
    .to_string()
}

fuzz_target!(|data: &[u8]| {
    let (Some((version, rest)), server) = (data.split_first(), server(serve)) else { return };
    let Some((length, rest)) = rest.split_first() else { return };
    let (response, calls) = rest.split_at(usize::from(*length).min(rest.len()));
    server.respond(response);
    let configuration = server.configuration(if version & 1 == 1 { "2" } else { "1.1" });
    let (mut engine, mut view) = (0, ResultView::EMPTY);
    let text = (configuration.as_ptr().cast::<c_char>(), configuration.len());
    // SAFETY: every pointer is to a live value of the length beside it.
    assert_eq!(unsafe { secure_outbound_open(text.0, text.1, &mut engine, &mut view) }, OK);
    taken(&mut view);
    let mut host = Host { engine, request: request(server.port), open: Vec::new() };
    for pair in calls.chunks_exact(2).take(64) {
        match pair[0] {
            0..64 if host.open.len() < 4 => host.begin(pair[0], pair[1]),
            64..66 => {
                secure_outbound_thread_results_free();
                host.open.clear();
            }
            call => host.call(call, pair[1]),
        }
    }
    host.finish();
    assert_eq!(secure_outbound_close(engine), OK);
});
