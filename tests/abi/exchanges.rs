//! Exchanges that go on beside each other, through the C functions.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::{Client, Over};
use crate::support::h2;
use crate::support::library::{
    cancel, decide, end, end_of_thread, head, read, start, start_decided, start_upload, wait,
};

const OK: i32 = 0;
const FAILED: i32 = 1;
const PENDING: i32 = 2;
const END: i32 = 3;
const UNKNOWN_CALL: i32 = -4;
const UNKNOWN_EXCHANGE: i32 = -5;

fn begin(client: &Client, whole: bool) -> u64 {
    let (status, exchange, refusal) = start(client.engine, &client.request("GET", |_| {}), b"", "", whole);
    assert_eq!((status, refusal), (OK, Value::Null));
    exchange
}

/// Waits until it has something.
fn wait_for(exchange: u64) {
    while wait(&[exchange], 100) != (OK, vec![1]) {}
}

fn rest(exchange: u64) -> Result<String, String> {
    let mut all = Vec::new();
    loop {
        match read(exchange, 7) {
            (OK, _, bytes) => all.extend(bytes),
            (PENDING, ..) => wait_for(exchange),
            (END, ..) => return Ok(String::from_utf8(all).expect("text")),
            (FAILED, head, _) => return Err(head["error"]["code"].as_str().expect("a code").to_owned()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_exchange_goes_from_its_beginning_to_its_record() {
    let client = Client::http1(|peer| peer.read().is_some() && peer.respond("a body in pieces"));
    let document = client.request("GET", |_| {});
    let decided = || {
        let (status, call, decision) = decide(client.engine, None, &document, 0);
        assert_eq!(status, OK, "{decision}");
        let (status, exchange, refusal) = start_decided(call, b"");
        assert_eq!((status, refusal), (OK, Value::Null));
        assert_eq!(start_decided(call, b"").0, UNKNOWN_CALL);
        exchange
    };
    for exchange in [begin(&client, false), begin(&client, true), decided()] {
        wait_for(exchange);
        let (status, head) = head(exchange);
        assert_eq!((status, &head["status"], &head["http_version"]), (OK, &json!(200), &json!("1.1")));
        assert_eq!(head["headers"], json!([["content-length", "16"]]));
        assert_eq!(rest(exchange).as_deref(), Ok("a body in pieces"));
        assert_eq!((cancel(exchange), read(exchange, 9).0), (OK, END), "it has ended");
        let (status, record) = end(exchange);
        assert_eq!((status, &record["status"], &record["bytes_in"]), (OK, &json!(200), &json!(16)), "{record}");
        assert_eq!((&record["transport"], &record["error_code"]), (&json!("rust-ffi"), &Value::Null));
        let gone = [end(exchange).0, cancel(exchange), self::head(exchange).0, read(exchange, 1).0];
        assert_eq!((gone, wait(&[exchange], 100).0), ([UNKNOWN_EXCHANGE; 4], UNKNOWN_EXCHANGE));
    }
}

#[test]
fn what_is_refused_begins_nothing() {
    let client = Client::http1(|_| true);
    let request = client.request("GET", |request| request["policy"]["allowed_methods"] = json!(["POST"]));
    let (status, exchange, head) = start(client.engine, &request, b"", "", false);
    assert_eq!((status, exchange, &head["error"]["code"]), (FAILED, 0, &json!("policy.method_not_allowed")));
    assert_eq!(head["audit"]["error_code"], "policy.method_not_allowed");
    assert_eq!((wait(&[], 100), client.counts().connections()), ((OK, vec![]), 0));
}

#[test]
fn a_response_that_is_wanted_whole_is_there_when_it_is_whole() {
    let (sender, permits) = channel::<()>();
    let permits = Mutex::new(permits);
    let client = Client::http1(move |peer| {
        peer.read().is_some()
            && peer.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nha")
            && permits.lock().expect("no poison").recv().is_ok()
            && peer.write("lf")
    });
    let (whole, pieces) = (begin(&client, true), begin(&client, false));
    let mut ready = vec![0, 0];
    while ready[1] == 0 {
        ready = wait(&[whole, pieces], 100).1;
    }
    assert_eq!((head(pieces).0, head(whole).0, read(whole, 9).0), (OK, PENDING, PENDING));
    for _ in 0..2 {
        sender.send(()).expect("a server");
    }
    assert_eq!((rest(whole), rest(pieces)), (Ok("half".to_owned()), Ok("half".to_owned())));
    assert_eq!((end(whole).0, end(pieces).0), (OK, OK));
}

/// Its server writes once a wait that may be longer has come back, or where it does not.
#[test]
fn no_wait_is_as_long_as_its_host_allows() {
    let (sender, permits) = channel::<()>();
    let permits = Mutex::new(permits);
    let client = Client::http1(move |peer| {
        let is_asked = peer.read().is_some();
        // Nothing but a wait that does not come back lasts as long.
        let permit = permits.lock().expect("no poison").recv_timeout(Duration::from_secs(20));
        is_asked && peer.respond(if permit.is_ok() { "late" } else { "too early" })
    });
    let exchange = begin(&client, false);
    while client.counts().requests() == 0 {
        wait(&[exchange], 10);
    }
    assert_eq!(wait(&[exchange], u32::MAX), (OK, vec![0]), "it came back before its server has written");
    sender.send(()).expect("a server");
    assert_eq!(rest(exchange).as_deref(), Ok("late"));
    assert_eq!(end(exchange).0, OK);
}

#[test]
fn what_does_not_end_by_itself_ends_at_once() {
    let client = Client::http1(|peer| {
        let Some(received) = peer.read() else { return false };
        if received.line().contains("endless") {
            let begun = peer.write("HTTP/1.1 200 OK\r\n\r\n");
            while begun && peer.write([b'x'; 16_384]) {}
        } else if received.line().contains("half") {
            peer.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
        }
        peer.take(1).is_none()
    });
    let request = |path: &str| client.request("PUT", |request| request["path"] = json!(path));
    for (number, path) in ["/silent", "/upload", "/endless", "/half"].into_iter().enumerate() {
        let (status, exchange, refusal) = match path {
            "/upload" => start_upload(client.engine, &request(path), Some(9), "", 0),
            _ => start(client.engine, &request(path), b"", "", path == "/half"),
        };
        assert_eq!((status, refusal), (OK, Value::Null), "{path}");
        while client.counts().connections() == number {
            wait(&[exchange], 10);
        }
        if path == "/endless" {
            wait_for(exchange);
        }
        let (status, record) = end(exchange);
        assert_eq!((status, &record["error_code"]), (OK, &json!("cancelled.abandoned")), "{path}: {record}");
        assert!(client.counts().wait_closed(number + 1), "{path}");
    }
}

#[test]
fn cancelling_closes_over_http1_and_resets_over_http2_whatever_has_come() {
    for over in [Over::Http1, Over::Http2] {
        for has_head in [false, true] {
            let (sender, told) = channel();
            let told_by = Mutex::new(sender);
            let client = match over {
                Over::Http2 => Client::http2(move |connection| {
                    let stream = connection.request().expect("a request");
                    if has_head {
                        connection.head(stream, &[(":status", b"200")], false);
                    }
                    told_by.lock().expect("no poison").send(0).expect("a test");
                    let code =
                        connection.next().filter(|frame| frame.kind == h2::RST_STREAM).map(|frame| frame.payload[3]);
                    code.is_some_and(|code| told_by.lock().expect("no poison").send(code).is_ok())
                }),
                _ => Client::http1(move |peer| {
                    peer.read().is_some()
                        && (!has_head || peer.write("HTTP/1.1 200 OK\r\n\r\n"))
                        && told_by.lock().expect("no poison").send(0).is_ok()
                        && peer.take(1).is_none()
                }),
            };
            let exchange = begin(&client, false);
            while told.try_recv().is_err() {
                wait(&[exchange], 10);
            }
            if has_head {
                wait_for(exchange);
            }
            assert_eq!(cancel(exchange), OK);
            assert_eq!(rest(exchange), Err("cancelled.requested".to_owned()), "{over:?}, {has_head}");
            if over == Over::Http2 {
                assert_eq!(told.recv().map(u32::from), Ok(h2::CANCEL));
            } else {
                assert!(client.counts().wait_closed(1));
            }
            let (status, record) = end(exchange);
            assert_eq!((status, &record["error_code"]), (OK, &json!("cancelled.requested")));
            assert_eq!(record["status"], if has_head { json!(200) } else { Value::Null });
        }
    }
}

#[test]
fn the_end_of_a_thread_ends_its_exchanges_and_no_others() {
    let client = Client::http1(|peer| {
        peer.read().is_some() && peer.write("HTTP/1.1 200 OK\r\n\r\nhalf") && peer.take(1).is_none()
    });
    let ours = begin(&client, false);
    wait_for(ours);
    let theirs = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let theirs = begin(&client, false);
            wait_for(theirs);
            end_of_thread();
            theirs
        });
        thread.join().expect("a thread")
    });
    assert!(client.counts().wait_closed(1), "nobody waits any more, and it is closed");
    assert_eq!((head(theirs).0, head(ours).0), (UNKNOWN_EXCHANGE, OK));
    let (_, record) = end(ours);
    assert_eq!(record["error_code"], "cancelled.abandoned");
    assert!(client.counts().wait_closed(2));
}
