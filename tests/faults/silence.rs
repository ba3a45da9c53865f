//! `idle_timeout_ms` of a call that is waited for: for how long nothing may come.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::client::{Client, Over};
use crate::support::h2;
use crate::support::library::Reply;
use crate::support::server::Peer;

const IDLE_MS: u64 = 300;

fn call(client: &Client, change: impl FnOnce(&mut Value)) -> Reply {
    client.call("POST", b"x", |request| {
        request["policy"]["max_attempts"] = json!(3);
        change(request);
    })
}

/// Responds with this and then waits until the client closes.
fn silent(start: &'static str) -> impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static {
    move |peer| {
        peer.read();
        peer.write(start);
        while peer.take(1).is_some() {}
        false
    }
}

#[test]
fn it_is_the_least_of_the_three_and_ends_the_call_at_once() {
    let interim = "HTTP/1.1 103 Early\r\n\r\n";
    let of_configuration =
        Client::with(Over::Plain, |document| document["limits"] = json!({"idle_timeout_ms": IDLE_MS}), silent(interim));
    let client = Client::with(Over::Plain, |_| {}, silent(interim));
    let replies = [
        call(&of_configuration, |_| {}),
        call(&of_configuration, |request| {
            request["idle_timeout_ms"] = json!(60_000);
            request["policy"]["idle_timeout_ms"] = json!(60_000);
        }),
        call(&client, |request| request["policy"]["idle_timeout_ms"] = json!(IDLE_MS)),
        call(&client, |request| {
            request["policy"]["idle_timeout_ms"] = json!(60_000);
            request["idle_timeout_ms"] = json!(IDLE_MS);
        }),
    ];
    for reply in replies {
        let audit = &reply.head["audit"];
        assert_eq!((reply.code(), reply.sent()), ("timeout.idle", "maybe"), "{reply:?}");
        assert_eq!((&audit["attempts"], &audit["attempt_errors"]), (&json!(1), &json!(["timeout.idle"])));
        assert_eq!(audit["duration_us"].as_u64().map(|took| took >= IDLE_MS * 1000), Some(true), "{audit}");
    }
}

/// One after the other, and none of them later than the limit after the last; there may be a hundred.
#[test]
fn interim_responses_are_no_progress() {
    let drips = |write: &mut dyn FnMut() -> bool| {
        while write() {
            thread::sleep(Duration::from_millis(IDLE_MS / 6));
        }
        true
    };
    let http1 = Client::http1(move |peer| {
        peer.read().is_some() && drips(&mut || peer.write("HTTP/1.1 103 Early\r\nlink: </a>\r\n\r\n"))
    });
    let http2 = Client::http2(move |connection| {
        let stream = connection.request().expect("a request");
        drips(&mut || connection.head(stream, &[(":status", b"103"), ("link", b"</a>")], false))
    });
    for client in [http1, http2] {
        let reply = call(&client, |request| request["idle_timeout_ms"] = json!(IDLE_MS));
        let audit = &reply.head["audit"];
        assert_eq!((reply.code(), reply.sent()), ("timeout.idle", "maybe"), "{reply:?}");
        assert_eq!((&audit["status"], &audit["bytes_in"]), (&Value::Null, &json!(0)), "{audit}");
    }
}

#[test]
fn it_holds_in_the_body_whose_bytes_are_counted() {
    let client = Client::with(Over::Plain, |_| {}, silent("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab"));
    let reply = call(&client, |request| request["idle_timeout_ms"] = json!(IDLE_MS));
    let audit = &reply.head["audit"];
    assert_eq!((reply.code(), reply.sent()), ("timeout.idle", "yes"), "{reply:?}");
    assert_eq!((&audit["status"], &audit["bytes_in"]), (&json!(200), &json!(2)), "{audit}");
}

#[test]
fn a_call_that_has_one_uses_the_connections_of_those_that_have_none() {
    let client = Client::http2(|connection| {
        while let Some(stream) = connection.request() {
            if !connection.respond(stream, "done") {
                break;
            }
        }
        true
    });
    for limit in [Value::Null, json!(60_000), Value::Null] {
        let reply = call(&client, |request| request["idle_timeout_ms"] = limit);
        assert_eq!((&*reply.body, &reply.head["audit"]["bytes_in"]), (&b"done"[..], &json!(4)), "{reply:?}");
    }
    assert_eq!(client.counts().connections(), 1);
}

#[test]
fn a_connection_that_says_nothing_is_not_used_again() {
    let client = Client::http2(|connection| {
        let is_first = connection.peer.connection == 0;
        while let Some(stream) = connection.request() {
            if !connection.respond(stream, "done") || is_first {
                break;
            }
        }
        while is_first && connection.next().is_some() {}
        true
    });
    assert_eq!(call(&client, |_| {}).body, b"done");
    assert_eq!(call(&client, |request| request["idle_timeout_ms"] = json!(IDLE_MS)).code(), "timeout.idle");
    assert_eq!(call(&client, |_| {}).body, b"done");
    assert_eq!(client.counts().connections(), 2);
}

#[test]
fn a_connection_that_says_something_stays() {
    // The second request gets no response, but a WINDOW_UPDATE.
    let requests = AtomicUsize::new(0);
    let client = Client::http2(move |connection| {
        while let Some(stream) = connection.request() {
            let goes_on = match requests.fetch_add(1, Ordering::SeqCst) {
                1 => connection.frame(h2::WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes()),
                _ => connection.respond(stream, "done"),
            };
            if !goes_on {
                break;
            }
        }
        true
    });
    assert_eq!(call(&client, |_| {}).body, b"done");
    // Long enough for the server to say something on a busy machine.
    assert_eq!(call(&client, |request| request["idle_timeout_ms"] = json!(10 * IDLE_MS)).code(), "timeout.idle");
    assert_eq!(call(&client, |_| {}).body, b"done");
    assert_eq!(client.counts().connections(), 1);
}
