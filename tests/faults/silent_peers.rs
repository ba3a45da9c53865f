//! HTTP/2 connections that stay open although their server sends nothing more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::json;

use crate::support;
use crate::support::client::Client;
use crate::support::h2::{self, Connection};
use crate::support::library::Reply;

fn by(client: &Client, timeout_ms: u64) -> Reply {
    client.call("POST", b"x", |request| request["timeout_ms"] = json!(timeout_ms))
}

fn timed_out(reply: &Reply) {
    assert_eq!((reply.code(), reply.sent()), ("timeout.total", "maybe"), "{reply:?}");
}

/// A server that responds to one request on its first connection and then does `then`. On other connections it responds to all.
fn server(then: impl Fn(&mut Connection<'_, '_>) -> bool + Send + Sync + 'static) -> Client {
    Client::http2(move |connection| {
        let is_first = connection.peer.connection == 0;
        while let Some(stream) = connection.request() {
            if !connection.respond(stream, "done") || is_first && !then(connection) {
                break;
            }
        }
        true
    })
}

#[test]
fn a_connection_that_says_nothing_is_not_used_again() {
    let client = server(|connection| {
        while connection.next().is_some() {}
        false
    });
    assert_eq!(by(&client, 10_000).body, b"done");
    timed_out(&by(&client, 200));
    for _ in 0..2 {
        assert_eq!(by(&client, 10_000).body, b"done");
    }
    assert_eq!(client.counts().connections(), 2);
}

#[test]
fn a_connection_that_says_something_stays() {
    // The second request gets no response, but a WINDOW_UPDATE shows that the server is still there.
    let client = server(|connection| {
        let ignored = connection.request();
        ignored.is_some() && connection.frame(h2::WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())
    });
    assert_eq!(by(&client, 10_000).body, b"done");
    // Long enough for the server to say something on a busy machine.
    timed_out(&by(&client, 3_000));
    assert_eq!(by(&client, 10_000).body, b"done");
    assert_eq!(client.counts().connections(), 1);
}

#[test]
fn who_waits_on_a_connection_that_is_given_up_still_has_a_response() {
    let waiting = std::sync::Arc::new(AtomicUsize::new(0));
    let seen = std::sync::Arc::clone(&waiting);
    let client = server(move |connection| {
        // Two requests arrive, and the client resets one of them.
        let mut streams = Vec::new();
        while streams.len() < 2 {
            let Some(stream) = connection.request() else { return false };
            streams.push(stream);
            seen.fetch_add(1, Ordering::SeqCst);
        }
        let ended = loop {
            match connection.next() {
                Some(frame) if frame.kind == h2::RST_STREAM => break frame.stream,
                Some(_) => {}
                None => return false,
            }
        };
        streams.retain(|stream| *stream != ended);
        // By now a third call has its response on another connection.
        while seen.load(Ordering::SeqCst) < 3 {
            thread::yield_now();
        }
        streams.iter().all(|stream| connection.respond(*stream, "late"))
    });
    assert_eq!(by(&client, 10_000).body, b"done");
    thread::scope(|scope| {
        let patient = scope.spawn(|| by(&client, 20_000));
        assert!(support::alone::until(|| waiting.load(Ordering::SeqCst) == 1));
        timed_out(&by(&client, 300));
        assert_eq!(by(&client, 10_000).body, b"done");
        assert_eq!(client.counts().connections(), 2);
        waiting.fetch_add(1, Ordering::SeqCst);
        assert_eq!(patient.join().expect("a reply").body, b"late");
    });
}
