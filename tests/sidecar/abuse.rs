//! What is no call: each has a known end, and others lose nothing.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use secure_outbound::sidecar::{Kind, PAYLOAD_BYTES, write_document, write_piece};
use serde_json::json;

use super::host::{Caller, SHOP, Sidecar, as_user, echo, next_id, own};

fn connect(sidecar: &Sidecar) -> UnixStream {
    let stream = UnixStream::connect(sidecar.socket()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

/// Everything until the end.
fn rest(stream: &mut UnixStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

#[test]
fn what_cannot_be_read_ends_its_connection_and_no_other() {
    let sidecar = Sidecar::new();
    let mut good = sidecar.caller();
    let hello = |document: &[u8]| {
        let mut bytes = Vec::new();
        write_document(&mut bytes, Kind::Hello, 0, document);
        bytes
    };
    let mut huge = hello(br#"{"version":1,"client":"test"}"#);
    huge.extend([1, 2, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 9]);
    let mut early = Vec::new();
    write_document(&mut early, Kind::Call, 1, b"{}");
    let mut stray = hello(br#"{"version":1,"client":"test"}"#);
    write_piece(&mut stray, Kind::Body, u64::MAX, b"x", true);
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0; 4096],
        vec![0xff; 4096],
        early,
        huge,
        stray,
        hello(b"{}"),
        hello(br#"{"version":2,"client":"test"}"#),
        hello(&vec![b'['; PAYLOAD_BYTES]),
    ] {
        let mut stream = connect(&sidecar);
        let _ = stream.write_all(&bytes);
        let said = rest(&mut stream);
        assert!(said.len() < 200, "nothing but a greeting: {}", String::from_utf8_lossy(&said));
        assert_eq!(good.call("shop", &own("GET"), b"").head["status"], 200);
    }
    let mut stream = connect(&sidecar);
    stream.write_all(&hello(br#"{"version":2,"client":"test"}"#)).expect("a write");
    assert!(String::from_utf8_lossy(&rest(&mut stream)).contains(r#""version":1"#), "a mismatch is told");
}

#[test]
fn an_id_that_does_not_rise_ends_the_connection() {
    let sidecar = Sidecar::new();
    let mut caller = sidecar.caller();
    let id = next_id() + 1000;
    assert!(caller.decide(id, "shop", &own("GET"), 0).is_some());
    caller.send(id, b"");
    assert!(caller.answer(id).is_some());
    assert!(caller.decide(id, "shop", &own("GET"), 0).is_none());
    assert!(sidecar.caller().decide(0, "shop", &own("GET"), 0).is_none());
    assert_eq!(sidecar.server.counts.requests(), 1);
}

#[test]
fn a_document_that_never_ends_ends() {
    let sidecar = Sidecar::new();
    let mut caller = sidecar.caller();
    let id = next_id();
    let mut written = 0;
    loop {
        let mut bytes = Vec::new();
        write_piece(&mut bytes, Kind::Call, id, &[b' '; PAYLOAD_BYTES], false);
        if caller.stream.write_all(&bytes).is_err() {
            break;
        }
        written += PAYLOAD_BYTES;
        assert!(written < 64 << 20, "the daemon reads on");
    }
    assert_eq!(sidecar.caller().call("shop", &own("GET"), b"").head["status"], 200);
}

#[test]
fn thousands_of_connections_of_one_user_leave_those_of_another() {
    let sidecar = Sidecar::with(echo, |document| document["callers"][0]["limits"] = json!({"connections": 100}));
    let mut held = Vec::new();
    let mut closed = 0;
    for _ in 0..10_000 {
        let mut stream = connect(&sidecar);
        if held.len() < 100 {
            // Who has not greeted goes after five seconds, and makes room.
            held.push(Caller::greeted(stream));
        } else {
            closed += usize::from(stream.read(&mut [0; 1]).is_ok_and(|bytes| bytes == 0));
        }
    }
    assert_eq!(closed, 9_900);
    let socket = sidecar.socket();
    as_user(SHOP, || {
        let mut caller = Caller::greeted(UnixStream::connect(&socket).expect("a connection"));
        assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
    });
    drop(held);
    assert!(crate::support::alone::until(|| {
        let mut stream = connect(&sidecar);
        stream.write_all(&[9; 16]).is_ok() && rest(&mut stream).is_empty()
    }));
}

#[test]
fn every_refused_call_has_its_line() {
    let sidecar = Sidecar::new();
    let mut caller = sidecar.caller();
    let mut request = own("GET");
    request["method"] = json!("DELETE");
    // .ci/hardening asks for more.
    let calls = std::env::var("SECURE_OUTBOUND_CALLS").map_or(5_000, |calls| calls.parse().expect("a number"));
    for _ in 0..calls {
        caller.tell(
            Kind::Call,
            next_id(),
            json!({"version": 1, "service_id": "shop", "body_bytes": 0, "request": request}).to_string().as_bytes(),
        );
        assert_eq!(caller.document(Kind::Decision).expect("a decision")["decision"]["allowed"], false);
    }
    let records = sidecar.records();
    assert_eq!(records.len(), calls);
    assert!(
        records.windows(2).all(|two| two[0]["call"].as_u64() < two[1]["call"].as_u64()),
        "each once, in their order"
    );
}

/// What a frame may take is counted from its first byte: whoever stops in the middle is not waited for.
#[test]
fn half_frames_end_and_hold_nobody_up() {
    let sidecar = Sidecar::new();
    let mut hello = Vec::new();
    write_document(&mut hello, Kind::Hello, 0, br#"{"version":1,"client":"test"}"#);
    let mut call = hello.clone();
    write_document(&mut call, Kind::Call, next_id(), br#"{"version":1}"#);
    let halves = [&[][..], &hello[..1], &hello[..15], &hello[..20], &call[..hello.len() + 3], &call[..call.len() - 1]];
    let mut left: Vec<_> = halves.iter().map(|half| (connect(&sidecar), half)).collect();
    for (stream, half) in &mut left {
        stream.write_all(half).expect("a write");
    }
    assert_eq!(sidecar.caller().call("shop", &own("GET"), b"").head["status"], 200);
    for (stream, half) in &mut left {
        let said = rest(stream);
        assert_eq!(said.is_empty(), half.len() < hello.len(), "a greeting where one was whole, and an end");
    }
    assert_eq!(sidecar.records().len(), 2, "nothing was decided about");
}
