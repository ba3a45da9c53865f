//! Requests that are larger than what the server reads.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use serde_json::json;

use crate::support::client::{Client, Over};
use crate::support::h2;
use crate::support::library::Reply;

/// Code, `sent`, `retryable` and `http_status` of a failure.
fn failure(reply: &Reply) -> (&str, &str, bool, Option<u64>) {
    let error = &reply.head["error"];
    assert_eq!(reply.status, 1, "{reply:?}");
    (reply.code(), reply.sent(), error["retryable"] == true, error["http_status"].as_u64())
}

#[test]
fn a_response_before_the_request_was_read() {
    // Larger than any socket buffer, so the response comes while the request is still being written.
    let body = vec![b'x'; 16 << 20];
    let client = Client::http1(|peer| {
        peer.take(100);
        peer.write("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig")
    });
    let reply = client.post(&body);
    assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(413), &b"big"[..]), "{:?}", reply.head);

    let client = Client::http2(|connection| {
        // The client may send a WINDOW_UPDATE before the stream is open.
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
fn bytes_out_are_those_that_left() {
    const WINDOW: usize = 65_535;
    let body = vec![b'x'; 20_000_000];
    for ends in ["with a reset", "alone", "not at all"] {
        let arrived = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&arrived);
        let client = Client::http2(move |connection| {
            let take = |frame: &h2::Frame| {
                let bytes = if frame.kind == h2::DATA { frame.payload.len() } else { 0 };
                counting.fetch_add(bytes, Ordering::SeqCst) + bytes
            };
            let stream = loop {
                let Some(frame) = connection.next() else { return false };
                if take(&frame) == WINDOW {
                    break frame.stream;
                }
            };
            if ends != "not at all" {
                connection.head(stream, &[(":status", b"413")], false);
                connection.data(stream, b"big", true);
            }
            if ends == "with a reset" {
                connection.rst(stream, h2::NO_ERROR);
            }
            while let Some(frame) = connection.next() {
                take(&frame);
            }
            true
        });
        let deadline = if ends == "not at all" { 1000 } else { 60_000 };
        let reply = client.call("POST", &body, |request| request["timeout_ms"] = json!(deadline));
        if ends == "not at all" {
            assert_eq!(failure(&reply), ("timeout.total", "maybe", false, None));
        } else {
            assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(413), &b"big"[..]), "{:?}", reply.head);
        }
        let bytes_out = (&reply.head["audit"]["bytes_out"], arrived.load(Ordering::SeqCst));
        assert_eq!(bytes_out, (&json!(WINDOW), WINDOW), "{ends}");
    }
}

#[test]
fn bytes_out_over_http_1_are_those_that_the_connection_took() {
    let body = vec![b'x'; 20_000_000];
    for over in [Over::Plain, Over::Http1] {
        let (over_now, is_over) = mpsc::channel::<()>();
        let is_over = Mutex::new(is_over);
        let client = Client::with(
            over,
            |_| {},
            move |peer| {
                peer.take(100);
                peer.write("HTTP/1.1 413 Content Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nbig");
                // Nothing more is read until the call has ended, and the body is larger than the buffers of two sockets.
                let _ = is_over.lock().expect("no poison").recv();
                true
            },
        );
        let reply = client.post(&body);
        over_now.send(()).expect("a server that waits");
        assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(413), &b"big"[..]), "{:?}", reply.head);
        let bytes = reply.head["audit"]["bytes_out"].as_u64().expect("a number");
        assert!(bytes > 0 && bytes < body.len() as u64, "{bytes} over {over:?}");
    }
}

#[test]
fn bytes_out_that_leave_after_the_head_of_the_response_count() {
    let body = vec![b'x'; 1_000_000];
    let client = Client::http2(|connection| {
        let Some(stream) = connection.opened() else { return false };
        connection.head(stream, &[(":status", b"200")], false);
        let update = 2_000_000_u32.to_be_bytes();
        for stream in [0, stream] {
            connection.frame(h2::WINDOW_UPDATE, 0, stream, &update);
        }
        connection.request().is_some() && connection.data(stream, b"all of it", true) && connection.next().is_none()
    });
    let reply = client.post(&body);
    assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"all of it"[..]), "{:?}", reply.head);
    assert_eq!(reply.head["audit"]["bytes_out"], body.len());
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
