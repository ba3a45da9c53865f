//! Requests that are larger than what the server reads.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;
use support::client::Client;
use support::h2;
use support::library::Reply;

/// Code, `sent`, `retryable` and `http_status` of a failure.
fn failure(reply: &Reply) -> (&str, &str, bool, Option<u64>) {
    let error = &reply.head["error"];
    assert_eq!(reply.status, 1, "{reply:?}");
    (reply.code(), reply.sent(), error["retryable"] == true, error["http_status"].as_u64())
}

#[test]
fn an_answer_before_the_request_was_read() {
    // As large as no socket buffer: the answer comes while the request is still being written.
    let body = vec![b'x'; 16 << 20];
    let client = Client::http1(|peer| {
        peer.take(100);
        peer.write("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig")
    });
    let reply = client.post(&body);
    assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(413), &b"big"[..]), "{:?}", reply.head);

    let client = Client::http2(|connection| {
        // Not before the stream is open: the window of the connection may be heard of first.
        let Some(stream) = connection.opened() else { return false };
        connection.head(stream, &[(":status", b"413")], false);
        connection.data(stream, b"big", true) && connection.rst(stream, h2::NO_ERROR) && {
            while connection.next().is_some() {}
            true
        }
    });
    let reply = client.post(&body);
    assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(413), &b"big"[..]), "{:?}", reply.head);
}

#[test]
fn a_request_larger_than_the_peer_reads() {
    let body = vec![b'x'; 16 << 20];
    let client = Client::http1(|peer| {
        peer.take(100);
        peer.reset()
    });
    assert_eq!(failure(&client.post(&body)), ("protocol.closed_early", "maybe", false, None));
    let client = Client::http1(|peer| {
        peer.take(100);
        silence_without_reading()
    });
    assert_eq!(
        failure(&client.call("POST", &body, |request| request["timeout_ms"] = json!(2000))),
        ("timeout.total", "maybe", false, None)
    );
}

fn silence_without_reading() -> bool {
    static OVER: AtomicBool = AtomicBool::new(false);
    while !OVER.load(Ordering::Relaxed) {
        std::thread::park_timeout(Duration::from_secs(1));
    }
    false
}
