//! Floods of frames, which may not cost other calls time, and many frames that are no flood.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::client::Client;
use crate::support::h2::{PING, RST_STREAM};

/// Calls a server that reads nothing, and again with more time where a busy machine sent nothing before the deadline.
fn left_at_the_deadline(client: &Client) {
    // 8 MB are more than any window or buffer between the two.
    let body = vec![b'a'; 8 << 20];
    let mut replies = [2_500, 10_000, 40_000].iter().map(|deadline_ms| {
        let reply = client.call("POST", &body, |request| request["timeout_ms"] = json!(deadline_ms));
        assert_eq!(reply.code(), "timeout.total", "{reply:?}");
        reply.sent() == "maybe"
    });
    assert!(replies.any(|began| began), "nothing is sent");
}

#[test]
fn a_server_that_takes_nothing_is_left_at_the_deadline() {
    left_at_the_deadline(&Client::http2(|connection| {
        connection.next();
        // Until the client closes the connection at the deadline.
        while connection.frame(PING, 0, 0, b"12345678") {
            thread::sleep(Duration::from_millis(20));
        }
        false
    }));

    let (left, leaving) = mpsc::channel::<()>();
    let leaving = Mutex::new(leaving);
    left_at_the_deadline(&Client::http1(move |peer| {
        peer.take(1);
        leaving.lock().is_ok_and(|leaving| leaving.recv().is_ok())
    }));
    drop(left);
}

#[test]
fn a_server_that_floods_after_its_call_is_hung_up_on() {
    let hostile = Client::http2(|connection| {
        let Some(stream) = connection.request() else { return false };
        while connection.frame(RST_STREAM, 0, stream, &1_u32.to_be_bytes()) {}
        false
    });
    assert_eq!(hostile.get().code(), "protocol.closed_early");
    // Calls to another server give its connection time to run as well.
    let other = Client::http2(|connection| {
        while let Some(stream) = connection.request() {
            connection.respond(stream, "ok");
        }
        true
    });
    let mut calls = (0..100).map(|_| other.get().body == b"ok" && hostile.counts().closed.load(Ordering::SeqCst) == 1);
    assert!(calls.any(|closed| closed), "the flood goes on");
}

#[test]
fn many_small_frames_of_an_honest_response_are_no_flood() {
    let client = Client::http2(|connection| {
        while let Some(stream) = connection.request() {
            connection.head(stream, &[(":status", b"200")], false);
            for _ in 0..20_000 {
                connection.data(stream, b"a", false);
                connection.frame(PING, 0, 0, b"12345678");
            }
            connection.data(stream, b"", true);
        }
        true
    });
    for _ in 0..2 {
        let reply = client.get();
        assert_eq!((reply.http_status(), reply.body.len()), (Some(200), 20_000), "{:?}", reply.head["error"]);
    }
    assert_eq!(client.counts().connections(), 1);
}
