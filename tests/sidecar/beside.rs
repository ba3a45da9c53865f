//! Calls beside each other on one connection: responses that come in pieces, and calls that are not wanted any more.

use std::sync::mpsc;
use std::sync::{Arc, Barrier, Mutex};

use secure_outbound::sidecar::{Kind, WINDOW, write_piece};
use serde_json::{Value, json};

use super::host::{Caller, Sidecar, echo, next_id, own};
use crate::support::alone;

/// Begins a call whose response is told in this form.
fn begin(caller: &mut Caller, response: &str, more: Value) -> u64 {
    let id = next_id();
    let mut document =
        json!({"version": 1, "service_id": "shop", "body_bytes": 0, "response": response, "request": own("POST")});
    document.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    caller.tell(Kind::Call, id, document.to_string().as_bytes());
    caller.tell(Kind::Body, id, b"");
    id
}

/// The next frame of a kind and a call, as a document.
fn document(caller: &mut Caller, kind: Kind, id: u64) -> Value {
    let (frame, payload) = caller.frame().expect("a frame");
    assert_eq!((frame.kind, frame.id, frame.last), (kind, id, true), "{}", String::from_utf8_lossy(&payload));
    serde_json::from_slice(&payload).expect("JSON")
}

#[test]
fn what_is_slow_holds_up_nothing_beside_it() {
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let sidecar = Sidecar::with(
        move |peer| {
            while let Some(received) = peer.read() {
                if received.body == b"slow" {
                    gate.lock().expect("a gate").recv().expect("a sign");
                }
                let body = String::from_utf8_lossy(&received.body).into_owned();
                peer.respond(&body);
            }
            true
        },
        |_| {},
    );
    let (mut caller, slow) = (sidecar.caller(), next_id());
    caller.decide(slow, "shop", &own("POST"), 4).expect("a decision");
    caller.send(slow, b"slow");
    for _ in 0..3 {
        assert_eq!(caller.call("shop", &own("POST"), b"fast").body, b"fast");
    }
    open.send(()).expect("it waits");
    assert_eq!(caller.answer(slow).expect("an answer").body, b"slow");
}

#[test]
fn pieces_come_as_they_arrive_and_the_record_after_them() {
    let together = Arc::new(Barrier::new(2));
    let gate = Arc::clone(&together);
    let sidecar = Sidecar::with(
        move |peer| {
            peer.read();
            peer.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\none");
            gate.wait();
            peer.write("two")
        },
        |_| {},
    );
    let mut caller = sidecar.caller();
    let id = begin(&mut caller, "pieces", json!({}));
    assert_eq!(document(&mut caller, Kind::Decision, id)["decision"]["allowed"], true);
    let head = document(&mut caller, Kind::Response, id);
    assert_eq!((&head["status"], &head["audit"]), (&json!(200), &Value::Null));
    let (frame, payload) = caller.frame().expect("a piece");
    assert_eq!((frame.kind, frame.last, payload.as_slice()), (Kind::Body, false, &b"one"[..]));
    together.wait();
    let (frame, payload) = caller.frame().expect("a piece");
    assert_eq!((frame.kind, payload.as_slice()), (Kind::Body, &b"two"[..]));
    let (frame, _) = caller.frame().expect("the end of the body");
    assert_eq!((frame.kind, frame.last, frame.length), (Kind::Body, true, 0));
    let end = document(&mut caller, Kind::End, id);
    assert_eq!(
        (&end["audit"]["status"], &end["audit"]["bytes_in"], &end["error"]),
        (&json!(200), &json!(6), &Value::Null)
    );
    let records = sidecar.records();
    assert_eq!((&records[1]["outcome"], &records[1]["audit"]["status"]), (&json!("response"), &json!(200)));
}

#[test]
fn a_call_that_is_not_wanted_any_more_ends_at_the_server() {
    for (reason, code) in [(0, "cancelled.requested"), (1, "cancelled.abandoned")] {
        let sidecar = Sidecar::with(
            |peer| {
                peer.read();
                peer.read().is_none()
            },
            |_| {},
        );
        let mut caller = sidecar.caller();
        let id = begin(&mut caller, "whole", json!({}));
        document(&mut caller, Kind::Decision, id);
        assert!(alone::until(|| sidecar.server.counts.requests() == 1));
        caller.tell(Kind::Cancel, id, &[reason]);
        let end = document(&mut caller, Kind::End, id);
        assert_eq!((&end["error"]["code"], &end["audit"]["error_code"]), (&json!(code), &json!(code)));
        assert!(sidecar.server.counts.wait_closed(1), "the daemon hangs up at the server");
        assert_eq!(sidecar.records()[1]["outcome"], "cancelled");
    }
}

#[test]
fn one_that_nobody_reads_holds_up_no_other() {
    let size = 8 * WINDOW;
    let sidecar = Sidecar::with(
        move |peer| {
            let received = peer.read().expect("a request");
            if received.body.is_empty() {
                peer.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n"));
                return peer.write(vec![b'x'; size]);
            }
            peer.respond("beside")
        },
        |_| {},
    );
    let mut caller = sidecar.caller();
    let id = begin(&mut caller, "pieces", json!({}));
    document(&mut caller, Kind::Decision, id);
    document(&mut caller, Kind::Response, id);
    let mut body = 0;
    while body < WINDOW {
        let (frame, payload) = caller.frame().expect("a piece");
        assert_eq!((frame.kind, frame.id), (Kind::Body, id));
        body += payload.len();
    }
    assert_eq!(body, WINDOW, "no more than there is credit for");
    assert_eq!(caller.call("shop", &own("POST"), b"x").body, b"beside");
    caller.tell(Kind::Cancel, id, &[1]);
    assert_eq!(document(&mut caller, Kind::End, id)["audit"]["error_code"], "cancelled.abandoned");
}

#[test]
fn a_caller_that_knows_the_time_is_told_no_decision() {
    let sidecar = Sidecar::with(echo, |_| {});
    let mut caller = sidecar.caller();
    let id = begin(&mut caller, "once", json!({"known_timeout_ms": 86_400_000}));
    assert_eq!(caller.answer(id).expect("an answer").head["status"], 200);
    let id = begin(&mut caller, "once", json!({"known_timeout_ms": 1}));
    assert!(
        document(&mut caller, Kind::Decision, id)["timeout_ms"].as_u64().expect("a time") > 1,
        "it may last longer"
    );
    assert_eq!(caller.answer(id).expect("an answer").head["status"], 200);
    for (response, kind) in [("once", Kind::Response), ("pieces", Kind::End)] {
        let more = json!({"known_timeout_ms": 86_400_000, "service_id": "none"});
        let id = begin(&mut caller, response, more);
        let end = document(&mut caller, kind, id);
        assert_eq!((&end["error"]["code"], &end["error"]["sent"]), (&json!("policy.service_unknown"), &json!("no")));
        if kind == Kind::Response {
            assert_eq!(caller.frame().expect("an empty body").0.kind, Kind::Body);
        }
    }
}

#[test]
fn documents_of_two_calls_are_not_mixed() {
    let sidecar = Sidecar::new();
    let mut caller = sidecar.caller();
    let (first, second) = (next_id(), next_id());
    let mut bytes = Vec::new();
    write_piece(&mut bytes, Kind::Call, first, b"{", false);
    write_piece(&mut bytes, Kind::Call, second, b"}", true);
    std::io::Write::write_all(&mut caller.stream, &bytes).expect("a write");
    assert!(caller.frame().is_none(), "the connection ends");
}

#[test]
fn calls_that_are_decided_about_wait_beside_each_other_until_they_are_left() {
    let sidecar = Sidecar::with(echo, |document| document["callers"][0]["limits"] = json!({"calls": 2}));
    let mut caller = sidecar.caller();
    let ids = [next_id(), next_id()];
    for id in ids {
        assert_eq!(caller.decide(id, "shop", &own("POST"), 1).expect("a decision")["decision"]["allowed"], true);
    }
    assert_eq!(caller.call("shop", &own("POST"), b"x").code(), "policy.caller_limit");
    caller.tell(Kind::Cancel, ids[0], &[1]);
    assert_eq!(caller.call("shop", &own("POST"), b"x").body, b"x");
    caller.send(ids[1], b"y");
    assert_eq!(caller.answer(ids[1]).expect("an answer").body, b"y");
}
