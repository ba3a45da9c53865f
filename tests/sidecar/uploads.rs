//! Bodies of requests that are sent on while they arrive.

use std::fs;
use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secure_outbound::sidecar::{Credit, Kind, PAYLOAD_BYTES, WINDOW, write_piece};
use serde_json::{Value, json};

use super::host::{Answer, Caller, Sidecar, next_id, own};
use crate::support::alone;
use crate::support::server::Peer;

/// Begins a call with a body in pieces. `None`: its length is not known.
fn begin(caller: &mut Caller, length: Option<usize>, more: &Value) -> u64 {
    let id = next_id();
    let mut document = json!({"version": 1, "service_id": "shop", "body_bytes": length, "body": "pieces",
        "response": "whole", "request": own("POST")});
    more.as_object().expect("an object").iter().for_each(|(key, value)| document[key] = value.clone());
    caller.tell(Kind::Call, id, document.to_string().as_bytes());
    id
}

fn allowed(caller: &mut Caller) {
    assert_eq!(caller.document(Kind::Decision).expect("a decision")["decision"]["allowed"], true);
}

fn piece(caller: &mut Caller, id: u64, bytes: &[u8], is_last: bool) {
    let mut frame = Vec::new();
    write_piece(&mut frame, Kind::Body, id, bytes, is_last);
    caller.stream.write_all(&frame).expect("a write");
}

/// How a call ends whose end is told after its response.
fn end(caller: &mut Caller) -> Answer {
    let (mut head, mut body, mut end) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let (frame, payload) = caller.frame().expect("an end");
        match frame.kind {
            Kind::Response => head.extend(payload),
            Kind::Body => body.extend(payload),
            Kind::Credit => {}
            Kind::End => end.extend(payload),
            kind => panic!("{kind:?} in place of an end"),
        }
        if frame.kind == Kind::End && frame.last {
            let head = if head.is_empty() { end } else { head };
            return Answer { head: serde_json::from_slice(&head).expect("JSON"), body };
        }
    }
}

/// A server that tells what it has of the body of a request, and asks for as much more as it is told.
fn by_and_by() -> (impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static, Sender<usize>, Receiver<Vec<u8>>) {
    let (want, wanted) = channel::<usize>();
    let (told, tell) = channel();
    let channels = Mutex::new((wanted, told));
    let serve = move |peer: &mut Peer<'_>| {
        let Some(head) = peer.read_head() else { return true };
        let channels = channels.lock().expect("one request at a time");
        while let Ok(bytes) = channels.0.recv() {
            let Some(taken) = peer.take(bytes) else { return true };
            let _ = channels.1.send(taken);
            if bytes == 0 {
                peer.count(head);
                return peer.write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
            }
        }
        true
    };
    (serve, want, tell)
}

/// A server that reads a request of which nobody said how long it is.
fn to_the_last_chunk(peer: &mut Peer<'_>) -> bool {
    while let Some(head) = peer.read_head() {
        let mut body = Vec::new();
        while !body.ends_with(b"0\r\n\r\n") {
            let Some(byte) = peer.take(1) else { return true };
            body.extend(byte);
        }
        peer.count(head);
        if !peer.respond("ok") {
            return false;
        }
    }
    true
}

#[test]
fn the_server_has_the_first_piece_before_the_second_is_there() {
    let (serve, want, told) = by_and_by();
    let sidecar = Sidecar::with(serve, |_| {});
    let mut caller = sidecar.caller();
    let id = begin(&mut caller, Some(6), &json!({}));
    allowed(&mut caller);
    piece(&mut caller, id, b"abc", false);
    want.send(3).expect("a server");
    assert_eq!(told.recv_timeout(Duration::from_secs(60)).expect("the first piece"), b"abc");
    piece(&mut caller, id, b"def", true);
    want.send(3).expect("a server");
    assert_eq!(told.recv_timeout(Duration::from_secs(60)).expect("the second piece"), b"def");
    want.send(0).expect("a server");
    assert_eq!(end(&mut caller).body, b"ok");
    let records = sidecar.records();
    assert_eq!(records.iter().map(|record| &record["event"]).collect::<Vec<_>>(), ["begin", "end"]);
    assert_eq!(records[1]["audit"]["bytes_out"], 6, "{records:?}");
}

#[test]
fn one_whose_length_nobody_knows_is_counted_as_it_flows() {
    let sidecar = Sidecar::with(to_the_last_chunk, |document| {
        document["services"]["shop"]["policy"]["request_bytes"] = json!(5);
    });
    let mut caller = sidecar.caller();
    for (pieces, code, sent) in [
        (vec!["ab", "cde", ""], "", ""),
        (vec![""], "", ""),
        (vec!["abc", "def", ""], "policy.request_too_large", "maybe"),
    ] {
        let id = begin(&mut caller, None, &json!({}));
        allowed(&mut caller);
        for (at, text) in pieces.iter().enumerate() {
            piece(&mut caller, id, text.as_bytes(), at + 1 == pieces.len());
        }
        let answer = end(&mut caller);
        assert_eq!((answer.code(), answer.sent()), (code, sent));
        if code.is_empty() {
            let records = sidecar.records();
            assert_eq!(records[records.len() - 1]["audit"]["bytes_out"], pieces.concat().len());
        }
    }
    let id = begin(&mut caller, Some(6), &json!({}));
    let decision = caller.document(Kind::Decision).expect("a decision");
    assert_eq!(decision["decision"]["error"]["code"], "policy.request_too_large");
    piece(&mut caller, id, b"late", true);
    assert_eq!(sidecar.server.counts.requests(), 2);
}

#[test]
fn one_that_is_not_as_long_as_was_said_is_not_processed() {
    let sidecar = Sidecar::new();
    let mut caller = sidecar.caller();
    for text in ["ab", "abcd"] {
        let id = begin(&mut caller, Some(3), &json!({}));
        allowed(&mut caller);
        piece(&mut caller, id, text.as_bytes(), true);
        assert_eq!(end(&mut caller).code(), "invalid_request.malformed", "{text}");
    }
    assert_eq!(sidecar.server.counts.requests(), 0);
}

#[test]
fn the_daemon_holds_no_more_of_it_than_a_window() {
    const SIZE: usize = 96 << 20;
    let (serve, want, told) = by_and_by();
    let sidecar = Sidecar::with(serve, |document| {
        document["services"]["shop"]["policy"]["request_bytes"] = json!(SIZE);
        document["outbound"]["limits"] = json!({"request_bytes": SIZE});
        document["callers"][0]["limits"] = json!({"bytes": 4 << 20});
        document["services"]["shop"]["policy"]["response_bytes"] = json!(1 << 20);
    });
    let mut caller = sidecar.caller();
    let most = || {
        let status = fs::read_to_string(format!("/proc/{}/status", sidecar.pid())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its largest size");
        line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number")
    };
    let id = begin(&mut caller, Some(SIZE), &json!({}));
    allowed(&mut caller);
    let before = most();
    let server = std::thread::spawn(move || {
        for _ in 0..SIZE / PAYLOAD_BYTES {
            want.send(PAYLOAD_BYTES).expect("a server");
            told.recv().expect("a piece");
        }
        want.send(0).expect("a server");
    });
    let (mut credit, mut sent) = (Credit::default(), 0);
    while sent < SIZE {
        if credit.left() < PAYLOAD_BYTES {
            let (frame, given) = caller.frame().expect("credit");
            assert_eq!((frame.kind, frame.id), (Kind::Credit, id));
            credit.give(u32::from_be_bytes(given.try_into().expect("4 bytes"))).expect("no more than a window");
            continue;
        }
        sent += PAYLOAD_BYTES;
        piece(&mut caller, id, &[b'x'; PAYLOAD_BYTES], sent == SIZE);
        credit.spend(PAYLOAD_BYTES).expect("enough");
    }
    assert_eq!(end(&mut caller).body, b"ok");
    server.join().expect("no panic");
    let grown = most() - before;
    assert!(grown < 12 << 10, "{grown} KiB");
}

#[test]
fn who_sends_more_than_there_is_credit_for_is_cut_off() {
    let (serve, _want, _told) = by_and_by();
    let sidecar = Sidecar::with(serve, |_| {});
    let mut caller = sidecar.caller();
    let id = begin(&mut caller, Some(4 * WINDOW), &json!({}));
    allowed(&mut caller);
    // The server reads nothing, so no credit comes once sockets are full.
    for _ in 0..4 * WINDOW / PAYLOAD_BYTES {
        let mut frame = Vec::new();
        write_piece(&mut frame, Kind::Body, id, &[b'x'; PAYLOAD_BYTES], false);
        if caller.stream.write_all(&frame).is_err() {
            break;
        }
    }
    while let Some((frame, _)) = caller.frame() {
        assert_eq!(frame.kind, Kind::Credit);
    }
    assert!(alone::until(|| sidecar.records().iter().any(|record| record["outcome"] == "cancelled")));
}

#[test]
fn a_caller_who_goes_away_ends_the_request_that_is_on_its_way() {
    let (arrived, arrivals) = channel();
    let arrived = Mutex::new(arrived);
    let ended = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&ended);
    let sidecar = Sidecar::with(
        move |peer| {
            peer.read_head();
            let first = peer.take(3);
            let _ = arrived.lock().expect("a sender").send(first);
            *seen.lock().expect("one request") = Some(peer.take(3).is_none());
            true
        },
        |_| {},
    );
    let mut caller = sidecar.caller();
    let id = begin(&mut caller, Some(6), &json!({"response": "pieces"}));
    allowed(&mut caller);
    piece(&mut caller, id, b"abc", false);
    assert!(arrivals.recv_timeout(Duration::from_secs(60)).expect("a request").is_some());
    drop(caller);
    assert!(alone::until(|| ended.lock().expect("one request").is_some()));
    assert_eq!(*ended.lock().expect("one request"), Some(true), "its body never ends");
    let cancelled = || sidecar.records().into_iter().find(|record| record["outcome"] == "cancelled");
    assert!(alone::until(|| cancelled().is_some()));
    assert_eq!(cancelled().expect("a record")["sent"], "maybe");
}

#[test]
fn a_call_that_says_it_wrongly_is_malformed() {
    let sidecar = Sidecar::new();
    let mut caller = sidecar.caller();
    for (length, more, why) in [
        (None, json!({"body": "whole"}), "needs body_bytes"),
        (Some(3), json!({"response": "once"}), "needs response whole or pieces"),
    ] {
        begin(&mut caller, length, &more);
        let decision = caller.document(Kind::Decision).expect("a decision");
        let error = &decision["decision"]["error"];
        assert_eq!(error["code"], "invalid_request.malformed");
        assert!(error["message"].as_str().expect("a text").contains(why), "{error}");
    }
}
