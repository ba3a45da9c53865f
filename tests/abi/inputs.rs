//! The C ABI holds what it promises about pointers, lengths, results and panics.

#![allow(unsafe_code)]

use std::ffi::c_char;
use std::ptr::{null, null_mut};

use serde_json::{Value, json};

use crate::support::library::{Frame, library, open, send};
use crate::support::server::{Authority, Peer, Server, configuration, request};

const OK: i32 = 0;
const FAILED: i32 = 1;
const NULL_POINTER: i32 = -1;
const LENGTH_TOO_LARGE: i32 = -2;
const UNKNOWN_ENGINE: i32 = -3;

/// An input: where it is and how long.
type Input = (*const c_char, usize);

fn text(text: &str) -> Input {
    (text.as_ptr().cast(), text.len())
}

fn raw_open(config: Input, engine: *mut u64) -> (i32, Frame) {
    let mut out = Frame::rubbish();
    // SAFETY: the inputs of these tests are readable, or are refused for their pointer or length before they are read.
    let status = unsafe { (library().open)(config.0, config.1, engine, &mut out) };
    (status, out)
}

fn raw_send(engine: u64, [request, body, sealed]: [Input; 3]) -> (i32, Frame) {
    let mut out = Frame::rubbish();
    // SAFETY: as above.
    let status =
        unsafe { (library().send)(engine, request.0, request.1, body.0, body.1, sealed.0, sealed.1, &mut out) };
    (status, out)
}

fn raw_explain(engine: u64, request: Input) -> (i32, Frame) {
    let mut out = Frame::rubbish();
    // SAFETY: as above.
    let status = unsafe { (library().explain)(engine, request.0, request.1, 0, &mut out) };
    (status, out)
}

/// Reads the head of a result, and frees the result.
fn head(mut frame: Frame) -> Value {
    let (head, _) = frame.read();
    // SAFETY: the library wrote the frame.
    unsafe { (library().free)(&mut frame) };
    head
}

fn assert_empty(frame: &Frame) {
    assert_eq!((frame.id, frame.head, frame.head_len), (0, null(), 0));
    assert_eq!((frame.body, frame.body_len), (null(), 0));
}

fn engine() -> u64 {
    let (status, engine, head) = open(&json!({"version": 1}));
    assert_eq!(status, OK, "{head}");
    engine
}

/// An HTTPS server that responds with the body it received, and an engine that reaches it.
fn echo(marker: &str) -> (Server, u64) {
    let authority = Authority::new();
    let respond = |peer: &mut Peer<'_>| {
        while let Some(received) = peer.read() {
            let length = format!("{}\r\n\r\n", received.body.len());
            let head = b"HTTP/1.1 200 OK\r\nx-size: gr\xf6\xdfer\r\ncontent-length: ";
            if !peer.write([head, length.as_bytes(), &received.body].concat()) {
                break;
            }
        }
        true
    };
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), respond);
    let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
    configuration["user_agent"] = marker.into();
    let (status, engine, head) = open(&configuration);
    assert_eq!(status, OK, "{head}");
    (server, engine)
}

fn post(server: &Server) -> Value {
    request("POST", &server.url("https", "localhost"), "/echo")
}

#[test]
fn null_with_a_length_is_misuse_of_every_input() {
    let mut handle = 7;
    let (status, out) = raw_open((null(), 1), &mut handle);
    assert_eq!((status, handle), (NULL_POINTER, 0));
    assert_empty(&out);

    let engine = engine();
    for at in 0..3 {
        let mut inputs = [text("{}"); 3];
        inputs[at] = (null(), 1);
        let (status, out) = raw_send(engine, inputs);
        assert_eq!(status, NULL_POINTER, "input {at} of send");
        assert_empty(&out);
    }
    let (status, out) = raw_explain(engine, (null(), 1));
    assert_eq!(status, NULL_POINTER);
    assert_empty(&out);
}

#[test]
fn null_outputs_are_misuse() {
    let (status, out) = raw_open(text(r#"{"version": 1}"#), null_mut());
    assert_eq!(status, NULL_POINTER);
    assert_empty(&out);

    let (config, mut handle) = (text(r#"{"version": 1}"#), 7);
    // SAFETY: the inputs are readable; NULL is refused.
    let status = unsafe { (library().open)(config.0, config.1, &mut handle, null_mut()) };
    assert_eq!(status, NULL_POINTER);
    let empty = text("");
    // SAFETY: as above.
    let status =
        unsafe { (library().send)(engine(), empty.0, empty.1, empty.0, empty.1, empty.0, empty.1, null_mut()) };
    assert_eq!(status, NULL_POINTER);
    // SAFETY: as above.
    assert_eq!(unsafe { (library().explain)(engine(), empty.0, empty.1, 0, null_mut()) }, NULL_POINTER);
    // SAFETY: NULL is nothing to free.
    unsafe { (library().free)(null_mut()) };
}

#[test]
fn null_without_a_length_is_an_empty_input() {
    let mut handle = 7;
    let (status, out) = raw_open((null(), 0), &mut handle);
    assert_eq!((status, handle), (FAILED, 0));
    assert_eq!(head(out)["error"]["code"], "configuration.invalid");

    let (server, engine) = echo("null inputs");
    let (status, out) = raw_send(engine, [(null(), 0); 3]);
    assert_eq!(status, FAILED);
    assert_eq!(head(out)["error"]["code"], "invalid_request.malformed");

    let (status, out) = raw_explain(engine, (null(), 0));
    assert_eq!(status, FAILED);
    assert_eq!(head(out)["error"]["code"], "invalid_request.malformed");

    let (status, out) = raw_send(engine, [text(&post(&server).to_string()), (null(), 0), (null(), 0)]);
    assert_eq!(status, OK);
    assert_eq!((out.body, out.body_len), (null(), 0), "an empty body is NULL and 0");
    assert_eq!(head(out)["status"], 200);
    assert_eq!(server.counts.last().header("content-length"), Some("0"));
}

#[test]
fn lengths_that_no_object_has_are_misuse() {
    let engine = engine();
    for length in [isize::MAX as usize + 1, usize::MAX] {
        for pointer in [null(), text("{}").0] {
            let mut handle = 7;
            let (status, out) = raw_open((pointer, length), &mut handle);
            assert_eq!((status, handle), (LENGTH_TOO_LARGE, 0));
            assert_empty(&out);
            for at in 0..3 {
                let mut inputs = [text("{}"); 3];
                inputs[at] = (pointer, length);
                let (status, out) = raw_send(engine, inputs);
                assert_eq!(status, LENGTH_TOO_LARGE, "input {at} of send");
                assert_empty(&out);
            }
            let (status, out) = raw_explain(engine, (pointer, length));
            assert_eq!(status, LENGTH_TOO_LARGE);
            assert_empty(&out);
        }
    }
}

#[test]
fn an_unknown_engine_leaves_an_empty_result() {
    for handle in [0, 1 << 53, u64::MAX] {
        let (status, out) = raw_send(handle, [text("{}"); 3]);
        assert_eq!(status, UNKNOWN_ENGINE);
        assert_empty(&out);
        let (status, out) = raw_explain(handle, text("{}"));
        assert_eq!(status, UNKNOWN_ENGINE);
        assert_empty(&out);
        // SAFETY: a handle is a number.
        assert_eq!(unsafe { (library().close)(handle) }, UNKNOWN_ENGINE);
    }
}

#[test]
fn results_are_freed_by_id_and_only_once() {
    let (server, engine) = echo("freeing");
    let request = post(&server).to_string();
    let result = |body| raw_send(engine, [text(&request), text(body), (null(), 0)]).1;
    let mut first = result("first");
    let second = result("second");
    assert!(0 < first.id && first.id < second.id);

    let mut copy = first;
    // SAFETY: all of these are results that the library wrote.
    unsafe {
        (library().free)(&mut first);
        assert_empty(&first);
        (library().free)(&mut first);
        (library().free)(&mut copy);
    }
    assert_empty(&copy);
    assert_eq!(second.read().1, b"second", "other results stay");

    let mut foreign = Frame { id: u64::MAX, ..second };
    // SAFETY: a result is found by its id alone, and none has this id.
    unsafe { (library().free)(&mut foreign) };
    assert_eq!(head(second)["status"], 200);
}

#[test]
fn heads_are_json_to_the_last_byte_and_bodies_are_raw() {
    let (server, engine) = echo("bytes");
    let request = post(&server);
    let body: Vec<u8> = (0..=255).collect();
    let (status, mut out) =
        raw_send(engine, [text(&request.to_string()), (body.as_ptr().cast(), body.len()), (null(), 0)]);
    assert_eq!(status, OK);
    // SAFETY: pointer and length are valid until the result is freed.
    let head = unsafe { std::slice::from_raw_parts(out.head.cast::<u8>(), out.head_len) };
    let head = str::from_utf8(head).expect("UTF-8");
    assert!(head.starts_with('{') && head.ends_with('}'));
    let (parsed, received) = out.read();
    assert_eq!(parsed["headers"][0], json!(["x-size", "größer"]));
    assert_eq!(received, body);
    // SAFETY: the library wrote it.
    unsafe { (library().free)(&mut out) };
}

#[cfg(feature = "test-hooks")]
#[test]
fn a_panic_is_a_result_and_silent() {
    if crate::support::alone::task().is_none() {
        let output = crate::support::alone::run("a_panic_is_a_result_and_silent", &json!({}));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        return;
    }
    let (server, engine) = echo("panic");
    let mut wanted = post(&server);
    wanted["service_id"] = "test.panic".into();
    for _ in 0..3 {
        let reply = send(engine, &wanted, b"", "");
        assert_eq!((reply.status, reply.code(), reply.sent()), (FAILED, "internal.panic", "maybe"));
        assert_eq!(reply.head["audit"]["error_class"], "internal");
        assert_eq!(send(engine, &post(&server), b"next", "").body, b"next");
    }
    assert_eq!(server.counts.requests(), 3);
}

#[test]
fn two_engines_work_side_by_side() {
    let ((first, one), (second, two)) = (echo("one"), echo("two"));
    assert_ne!(one, two);
    for _ in 0..3 {
        assert_eq!(send(one, &post(&first), b"1", "").body, b"1");
        assert_eq!(send(two, &post(&second), b"2", "").body, b"2");
    }
    let strangers = send(one, &post(&second), b"", "");
    assert_eq!(strangers.status, FAILED, "an engine reaches only what its own configuration names");
    // SAFETY: a handle is a number.
    assert_eq!(unsafe { (library().close)(one) }, OK);
    assert_eq!(send(two, &post(&second), b"2", "").body, b"2");
    assert_eq!((first.counts.connections(), second.counts.connections()), (1, 1));
    assert_eq!((first.counts.requests(), second.counts.requests()), (3, 4));
}

#[test]
fn eight_threads_share_an_engine() {
    let (server, engine) = echo("threads");
    let request = post(&server);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let request = &request;
            scope.spawn(move || {
                for call in 0..25 {
                    let body = format!("{thread}/{call}");
                    let reply = send(engine, request, body.as_bytes(), "");
                    assert_eq!((reply.status, reply.body), (OK, body.into_bytes()), "{}", reply.head);
                }
            });
        }
    });
    assert_eq!(server.counts.requests(), 200);
}
