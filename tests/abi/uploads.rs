//! Bodies of requests that a host hands over while they are sent, through the C functions.

#![allow(unsafe_code)]

use std::ptr::{null, null_mut};
use std::sync::Mutex;
use std::sync::mpsc::channel;

use serde_json::{Value, json};

use crate::support::client::{Client, Over};
use crate::support::h2;
use crate::support::library::{
    cancel, decide, end, head, library, read, start, start_decided_upload, start_upload, wait, write,
};
use crate::support::server::{Peer, Received};

const OK: i32 = 0;
const FAILED: i32 = 1;
const PENDING: i32 = 2;
const END: i32 = 3;
const ROOM: usize = 64 * 1024;

/// How a body ends that a host hands over.
const FOLLOWS: i32 = 0;
const LAST: i32 = 1;
const BROKEN: i32 = -1;

fn begin(client: &Client, length: Option<usize>) -> u64 {
    begin_with(client, "PUT", length, |_| {})
}

fn begin_with(client: &Client, method: &str, length: Option<usize>, change: impl FnOnce(&mut Value)) -> u64 {
    let length = length.map(|length| i64::try_from(length).expect("small"));
    let (status, exchange, refusal) = start_upload(client.engine, &client.request(method, change), length, "", 0);
    assert_eq!((status, refusal), (OK, Value::Null));
    exchange
}

/// Hands over all of it, waiting for room. Says how many bytes were taken before no more were wanted.
fn feed(exchange: u64, bytes: &[u8], last: i32) -> usize {
    let mut done = 0;
    loop {
        let (status, taken) = write(exchange, &bytes[done..], last);
        done += taken;
        match status {
            OK if done == bytes.len() => return done,
            OK => while wait(&[exchange], 100).1[0] & 2 == 0 {},
            status => {
                assert_eq!((status, taken), (END, 0));
                return done;
            }
        }
    }
}

/// Waits for the response, and gives its status, or the failure's code and what is known of the request.
fn outcome(exchange: u64) -> Result<u64, String> {
    loop {
        match head(exchange) {
            (OK, head) => return Ok(head["status"].as_u64().expect("a status")),
            (PENDING, _) => drop(wait(&[exchange], 100)),
            (FAILED, head) => {
                let text = |key: &str| head["error"][key].as_str().expect("a text").to_owned();
                return Err(format!("{} {}", text("code"), text("sent")));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn rest(exchange: u64) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match read(exchange, 1 << 20) {
            (OK, _, bytes) => all.extend(bytes),
            (PENDING, ..) => drop(wait(&[exchange], 100)),
            (END, ..) => return all,
            other => panic!("{other:?}"),
        }
    }
}

/// Reads a request whose body may be chunked, and counts it.
fn receive(peer: &mut Peer<'_>) -> Option<Received> {
    let mut received = peer.read_head()?;
    match received.header("content-length").map(str::to_owned) {
        Some(length) => received.body = peer.take(length.parse().expect("a number"))?,
        None if received.header("transfer-encoding") == Some("chunked") => loop {
            let mut size = Vec::new();
            while !size.ends_with(b"\r\n") {
                size.extend(peer.take(1)?);
            }
            let size = usize::from_str_radix(str::from_utf8(&size).expect("ASCII").trim(), 16).expect("hexadecimal");
            received.body.extend(peer.take(size)?);
            peer.take(2)?;
            if size == 0 {
                break;
            }
        },
        None => {}
    }
    peer.count(received.clone());
    Some(received)
}

fn http1() -> Client {
    Client::http1(|peer| {
        while receive(peer).is_some() {
            if !peer.respond("thanks") {
                return false;
            }
        }
        true
    })
}

fn http2() -> Client {
    Client::http2(|connection| {
        connection.frame(h2::WINDOW_UPDATE, 0, 0, &(1_u32 << 20).to_be_bytes());
        let mut body = Vec::new();
        while let Some(frame) = connection.next() {
            if frame.kind == h2::DATA {
                let count = u32::try_from(frame.payload.len()).expect("small").to_be_bytes();
                body.extend(frame.payload);
                if count != [0; 4] {
                    connection.frame(h2::WINDOW_UPDATE, 0, frame.stream, &count);
                    connection.frame(h2::WINDOW_UPDATE, 0, 0, &count);
                }
            }
            if [h2::DATA, h2::HEADERS].contains(&frame.kind) && frame.flags & h2::END_STREAM != 0 {
                connection.peer.count(Received { head: String::new(), body: std::mem::take(&mut body) });
                connection.respond(frame.stream, "thanks");
            }
        }
        true
    })
}

#[test]
fn a_body_in_pieces_arrives_whole_with_and_without_a_length() {
    let whole: Vec<u8> = (0..300_007_u32).map(|place| place.to_le_bytes()[0]).collect();
    for (client, is_http1) in [(http1(), true), (http2(), false)] {
        for (method, length, body) in [
            ("PUT", Some(whole.len()), &whole[..]),
            ("POST", None, &whole[..]),
            ("GET", None, b"asked for"),
            ("POST", Some(0), b""),
            ("POST", None, b""),
        ] {
            let exchange = begin_with(&client, method, length, |_| {});
            assert_eq!(write(exchange, body, LAST), (OK, body.len().min(ROOM)), "no more is taken ahead");
            assert_eq!(feed(exchange, &body[body.len().min(ROOM)..], LAST), body.len().saturating_sub(ROOM));
            assert_eq!((outcome(exchange), rest(exchange)), (Ok(200), b"thanks".to_vec()));
            assert_eq!(write(exchange, b"more", LAST), (END, 0), "it has ended");
            let received = client.counts().last();
            assert!(received.body == body, "{method}, {} bytes of {}", received.body.len(), body.len());
            if is_http1 {
                let coding = length.is_none().then_some("chunked");
                assert_eq!(received.header("transfer-encoding"), coding, "{}", received.head);
                let length = length.map(|length| length.to_string());
                assert_eq!(received.header("content-length"), length.as_deref(), "{}", received.head);
            }
            let (_, record) = end(exchange);
            assert_eq!((&record["bytes_out"], &record["attempts"]), (&json!(body.len()), &json!(1)), "{record}");
        }
    }
}

#[test]
fn a_decided_call_gets_its_body_in_pieces() {
    let client = http1();
    let document = client.request("POST", |_| {});
    for (said, length, expected) in [(3, Some(3), Ok(200)), (0, None, Ok(200)), (3, Some(4), Err(()))] {
        let (status, call, decision) = decide(client.engine, None, &document, said);
        assert_eq!(status, OK, "{decision}");
        let (status, exchange, refusal) = start_decided_upload(call, length);
        if expected.is_err() {
            assert_eq!((status, exchange, &refusal["error"]["code"]), (FAILED, 0, &json!("invalid_request.malformed")));
            continue;
        }
        assert_eq!(status, OK, "{refusal}");
        assert_eq!((feed(exchange, b"abc", LAST), outcome(exchange)), (3, Ok(200)));
        assert_eq!((client.counts().last().body, end(exchange).0), (b"abc".to_vec(), OK));
    }
}

#[test]
fn a_body_in_pieces_is_sent_once() {
    for response in ["307 There\r\nlocation: /there", "308 There\r\nlocation: /there", "503 Later", "401 No"] {
        let client = Client::http1(move |peer| {
            receive(peer).is_some() && peer.write(format!("HTTP/1.1 {response}\r\ncontent-length: 0\r\n\r\n"))
        });
        let exchange = begin_with(&client, "PUT", Some(3), |request| {
            request["policy"]["max_attempts"] = json!(3);
            request["policy"]["max_redirects"] = json!(3);
        });
        feed(exchange, b"abc", LAST);
        assert_eq!(outcome(exchange), Ok(response[..3].parse().expect("a status")));
        assert_eq!((end(exchange).1["attempts"].clone(), client.counts().requests()), (json!(1), 1));
    }
}

#[test]
fn an_attempt_that_took_nothing_of_a_body_is_followed_by_another() {
    let client = Client::http1(|peer| {
        if peer.connection == 0 {
            return peer.read_head().is_none();
        }
        receive(peer).is_some() && peer.respond("thanks")
    });
    let exchange = begin_with(&client, "PUT", None, |request| request["policy"]["max_attempts"] = json!(2));
    while client.counts().connections() < 2 {
        assert_eq!(wait(&[exchange], 10), (OK, vec![0]), "nobody asked for room");
    }
    assert_eq!((feed(exchange, b"abc", LAST), outcome(exchange)), (3, Ok(200)));
    assert_eq!((client.counts().last().body, client.counts().connections()), (b"abc".to_vec(), 2));
    assert_eq!(end(exchange).1["attempts"], 2);
}

#[test]
fn what_is_wrong_with_a_body_ends_the_exchange_behind_what_came_before() {
    type Pieces<'a> = &'a [(&'a [u8], i32)];
    let cases: [(Option<usize>, Pieces<'_>, &str); 6] = [
        (Some(9), &[(b"abc", LAST)], "invalid_request.malformed maybe"),
        (Some(5), &[(b"abc", FOLLOWS), (b"def", LAST)], "invalid_request.malformed maybe"),
        (Some(4), &[(b"abc", FOLLOWS), (b"def", FOLLOWS)], "invalid_request.malformed maybe"),
        (None, &[(b"abc", FOLLOWS), (b"def", FOLLOWS)], "policy.request_too_large maybe"),
        (None, &[(b"abc", BROKEN)], "cancelled.requested maybe"),
        (Some(4), &[(b"abc", FOLLOWS), (b"", BROKEN)], "cancelled.requested maybe"),
    ];
    for over in [Over::Http1, Over::Http2] {
        for (length, pieces, expected) in cases {
            let (sender, told) = channel();
            let told_by = Mutex::new(sender);
            let client = match over {
                Over::Http2 => Client::http2(move |connection| {
                    let mut frames = std::iter::from_fn(|| connection.next());
                    let last = frames.find(|frame| frame.kind == h2::RST_STREAM || frame.flags & h2::END_STREAM != 0);
                    let code = last.filter(|frame| frame.kind == h2::RST_STREAM).map(|frame| frame.payload[3]);
                    told_by.lock().expect("no poison").send(code.map(u32::from)).is_ok()
                }),
                _ => Client::http1(move |peer| {
                    receive(peer);
                    told_by.lock().expect("no poison").send(None).is_ok()
                }),
            };
            let cap = length.unwrap_or(5);
            let exchange =
                begin_with(&client, "PUT", length, |request| request["policy"]["request_bytes"] = json!(cap));
            for (bytes, last) in pieces {
                write(exchange, bytes, *last);
            }
            assert_eq!(write(exchange, b"more", LAST), (END, 0));
            assert_eq!(outcome(exchange).as_ref().map_err(String::as_str), Err(expected), "{over:?}, {pieces:?}");
            let (_, record) = end(exchange);
            assert_eq!(
                (&record["error_code"], client.counts().requests()),
                (&json!(expected[..expected.len() - 6]), 0)
            );
            let code = (over == Over::Http2).then_some(h2::CANCEL);
            assert_eq!(told.recv(), Ok(code), "{over:?}, {pieces:?}");
        }
    }
}

#[test]
fn a_credential_in_the_body_is_refused_before_it_is_opened() {
    let client = http1();
    let credential = json!({"identifier": "key", "type": "secret", "placement": {"type": "body_field", "name": "key"}});
    let request = client.request("POST", |request| {
        request["credentials"] = json!([credential]);
        request["headers"] = json!([["content-type", "application/json"]]);
    });
    let (status, exchange, head) = start_upload(client.engine, &request, Some(2), "no envelope", 0);
    assert_eq!((status, exchange, &head["error"]["code"]), (FAILED, 0, &json!("credential.placement_conflict")));
    assert_eq!(client.counts().connections(), 0);
}

#[test]
fn an_upload_that_waits_for_its_host_holds_back_no_other() {
    let client = http2();
    let upload = begin(&client, Some(3));
    for round in 0..20 {
        let (status, call, _) = start(client.engine, &client.request("GET", |_| {}), b"", "", round % 2 == 0);
        assert_eq!((status, outcome(call), rest(call)), (OK, Ok(200), b"thanks".to_vec()));
        assert_eq!(end(call).0, OK);
    }
    assert_eq!((feed(upload, b"abc", LAST), outcome(upload)), (3, Ok(200)));
    assert_eq!((client.counts().last().body, client.counts().connections()), (b"abc".to_vec(), 1));
}

#[test]
fn a_response_that_comes_early_is_the_end_of_the_upload() {
    let client = Client::http1(|peer| peer.read_head().is_some() && peer.respond("enough") && peer.take(9).is_none());
    let exchange = begin(&client, Some(9));
    assert_eq!(write(exchange, b"abc", FOLLOWS), (OK, 3));
    assert_eq!((outcome(exchange), rest(exchange)), (Ok(200), b"enough".to_vec()));
    assert_eq!(write(exchange, b"def", FOLLOWS), (END, 0));
    assert!(client.counts().wait_closed(1), "the connection cannot be used again");
    assert_eq!(end(exchange).1["error_code"], Value::Null);
}

#[test]
fn cancelling_resets_a_stream_whose_body_waits_for_room() {
    const SIZE: usize = 256 << 10;
    let silent = http1();
    let other = begin(&silent, Some(1));
    for (is_whole, window) in [(true, 0), (true, 65_535), (false, 0), (false, 65_535)] {
        let (sender, told) = channel();
        let told_by = Mutex::new(sender);
        let client = Client::http2(move |connection| {
            connection.frame(h2::SETTINGS, 0, 0, &[&[0, 4][..], &u32::to_be_bytes(window)].concat());
            let Some(first) = connection.request() else { return false };
            connection.respond(first, "ready");
            let Some(stream) = connection.opened() else { return false };
            connection.head(stream, &[(":status", b"200")], false);
            let reset = std::iter::from_fn(|| connection.next()).find(|frame| frame.kind == h2::RST_STREAM);
            let is_its = reset.filter(|frame| frame.stream == stream);
            is_its.is_some_and(|frame| told_by.lock().expect("no poison").send(frame.payload[3]).is_ok())
        });
        let (_, ready, _) = start(client.engine, &client.request("GET", |_| {}), b"", "", false);
        assert_eq!((outcome(ready), rest(ready)), (Ok(200), b"ready".to_vec()));
        let exchange = if is_whole {
            let body = vec![0; SIZE];
            let (status, exchange, refusal) = start(client.engine, &client.request("PUT", |_| {}), &body, "", false);
            assert_eq!((status, refusal), (OK, Value::Null));
            exchange
        } else {
            let exchange = begin(&client, Some(SIZE));
            assert_eq!(write(exchange, &[0; SIZE], LAST), (OK, ROOM));
            exchange
        };
        assert_eq!(outcome(exchange), Ok(200));
        assert_eq!(cancel(exchange), OK);
        assert_eq!(end(exchange).1["error_code"], "cancelled.requested");
        let reset = std::iter::repeat_with(|| {
            wait(&[other], 10);
            told.try_recv().ok()
        });
        let code = reset.take(500).flatten().next();
        assert_eq!(code.map(u32::from), Some(h2::CANCEL), "whole: {is_whole}, window: {window}");
    }
}

#[test]
fn a_redirect_that_asks_for_a_get_ends_the_upload() {
    // More than the sockets of both sides hold.
    const SIZE: usize = 32 << 20;
    let client = Client::http1(|peer| {
        let is_upload = peer.read_head().is_some_and(|received| received.line().starts_with("POST"));
        let response = if is_upload { "303 There\r\nlocation: /there" } else { "200 OK" };
        peer.write(format!("HTTP/1.1 {response}\r\ncontent-length: 0\r\n\r\n")) && peer.take(9).is_none()
    });
    let exchange = begin_with(&client, "POST", Some(SIZE), |request| {
        request["policy"]["allowed_methods"] = json!(["GET", "POST"]);
        request["policy"]["max_redirects"] = json!(1);
        request["policy"]["request_bytes"] = json!(SIZE);
    });
    let taken = feed(exchange, &vec![0; SIZE], LAST);
    assert!(taken < SIZE, "{taken}");
    assert_eq!((outcome(exchange), end(exchange).1["status"].clone()), (Ok(200), json!(200)));
}

#[test]
fn nothing_is_expected_of_a_server_while_its_host_owes_bytes() {
    let client = Client::http1(|peer| {
        receive(peer).is_some() && peer.respond("warm") && receive(peer).is_some() && peer.take(1).is_none()
    });
    // What comes before a connection wants the body counts, so there is one.
    let (_, warm, _) = start(client.engine, &client.request("GET", |_| {}), b"", "", false);
    assert_eq!((outcome(warm), rest(warm)), (Ok(200), b"warm".to_vec()));
    let request = client.request("PUT", |_| {});
    let (_, exchange, _) = start_upload(client.engine, &request, Some(3), "", 300);
    for _ in 0..10 {
        assert_eq!(wait(&[exchange], 50), (OK, vec![0]));
    }
    assert_eq!(client.counts().connections(), 1);
    feed(exchange, b"abc", LAST);
    assert_eq!(outcome(exchange), Err("timeout.idle maybe".to_owned()));
}

#[test]
fn who_has_no_exchange_or_gives_no_pointer_writes_nothing() {
    assert_eq!(write(0, b"abc", LAST), (-5, 0));
    let client = http1();
    let (_, exchange, _) = start(client.engine, &client.request("GET", |_| {}), b"", "", false);
    assert_eq!(write(exchange, b"abc", LAST), (END, 0), "its body was given");
    let upload = begin(&client, Some(3));
    let (mut taken, bytes) = (7, b"abc".as_ptr().cast());
    // SAFETY: every pointer is to a live value, or NULL.
    let statuses = unsafe {
        [
            (library().write)(upload, null(), 3, LAST, &mut taken),
            (library().write)(upload, bytes, usize::MAX, LAST, &mut taken),
            (library().write)(upload, bytes, 3, LAST, null_mut()),
        ]
    };
    assert_eq!((statuses, taken), ([-1, -2, -1], 0));
    assert_eq!((feed(upload, b"abc", LAST), outcome(upload)), (3, Ok(200)), "it goes on");
}
