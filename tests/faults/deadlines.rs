//! `timeout_ms` is one deadline over all attempts, within 5 % plus 20 ms.
//!
//! On a busy machine a call may end later than that, so only one of several measurements has to be within the bound. The outcome of
//! a call has to be right every time, and a call that its deadline ends may never end earlier.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::{Client, Over};
use crate::support::coding::encode;
use crate::support::library::Reply;
use crate::support::server::Peer;

const MEASUREMENTS: usize = 8;

/// Makes calls with this deadline until one of them ends in time.
fn in_time(client: &Client, milliseconds: u64, change: impl Fn(&mut Value), check: impl Fn(&Reply, Duration)) {
    let timeout = Duration::from_millis(milliseconds);
    let bound = timeout + timeout / 20 + Duration::from_millis(20);
    let measure = || {
        let begun = Instant::now();
        let reply = client.call("GET", b"", |request| {
            request["policy"]["max_attempts"] = json!(10);
            request["timeout_ms"] = json!(milliseconds);
            change(request);
        });
        let took = begun.elapsed();
        check(&reply, took);
        took
    };
    let mut all = Vec::new();
    while all.len() < MEASUREMENTS {
        all.push(measure());
        if all.last().is_some_and(|took| *took <= bound) {
            return;
        }
    }
    panic!("none of {all:?} is within {bound:?}");
}

/// The call was ended by its deadline, and not earlier.
fn timed_out(milliseconds: u64) -> impl Fn(&Reply, Duration) {
    move |reply, took| {
        assert_eq!(reply.code(), "timeout.total", "{reply:?}");
        assert!(took >= Duration::from_millis(milliseconds), "{took:?}");
    }
}

fn drip(peer: &mut Peer<'_>, start: &str) -> bool {
    let mut goes_on = peer.read().is_some() && peer.write(start);
    while goes_on {
        thread::sleep(Duration::from_millis(5));
        goes_on = peer.write("x");
    }
    false
}

#[test]
fn a_server_that_wants_an_hour() {
    let client = Client::http1(|peer| {
        while peer.read().is_some() {
            peer.write("HTTP/1.1 503 Unavailable\r\nretry-after: 3600\r\ncontent-length: 0\r\n\r\n");
        }
        true
    });
    in_time(
        &client,
        1000,
        |_| {},
        |reply, _| {
            assert_eq!((reply.http_status(), &reply.head["audit"]["attempts"]), (Some(503), &json!(1)), "{reply:?}");
        },
    );
}

#[test]
fn a_server_that_wants_a_second_more_each_time() {
    let client = Client::http1(|peer| {
        while peer.read().is_some() {
            peer.write("HTTP/1.1 503 Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n");
        }
        true
    });
    in_time(
        &client,
        1500,
        |_| {},
        |reply, _| {
            // On a busy machine the second attempt may be too late for a response.
            assert!(reply.http_status() == Some(503) || reply.code() == "timeout.total", "{reply:?}");
            assert!(reply.head["audit"]["attempts"].as_u64().is_some_and(|attempts| attempts <= 2), "{reply:?}");
        },
    );
}

#[test]
fn a_head_that_drips() {
    let client = Client::http1(|peer| drip(peer, "HTTP/1.1 200 OK\r\nx-slow: "));
    in_time(&client, 1000, |_| {}, timed_out(1000));
}

#[test]
fn a_body_that_drips() {
    let client = Client::http1(|peer| drip(peer, "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"));
    in_time(&client, 1000, |_| {}, timed_out(1000));
}

/// A body that takes long to decode and has no content: very many empty gzip members.
fn endless_nothing(outer: &str) -> Vec<u8> {
    let body = encode(outer, &encode("gzip", b"").repeat(1 << 20));
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip, {outer}\r\ncontent-length: {length}\r\n\r\n");
    [head.into_bytes(), body].concat()
}

fn allow_64_mib(request: &mut Value) {
    request["policy"]["response_bytes"] = json!(64 << 20);
}

#[test]
fn a_body_that_decodes_to_nothing() {
    for outer in ["gzip", "deflate", "br", "zstd"] {
        let response = endless_nothing(outer);
        let client = Client::http1(move |peer| {
            while peer.read().is_some() && peer.write(&response) {}
            true
        });
        in_time(&client, 500, allow_64_mib, timed_out(500));
    }
}

#[test]
fn other_calls_go_on_while_a_body_decodes_to_nothing() {
    let response = endless_nothing("br");
    let (written, is_written) = mpsc::channel();
    let client = Client::http1(move |peer| {
        while let Some(request) = peer.read() {
            if request.line().contains("/nothing") {
                peer.write(&response);
                written.send(()).expect("a test that waits");
            } else {
                peer.respond("something");
            }
        }
        true
    });
    let (is_over, mut meanwhile) = (AtomicBool::new(false), 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let reply = client.call("GET", b"", |request| {
                request["path"] = json!("/nothing");
                request["timeout_ms"] = json!(3000);
                allow_64_mib(request);
            });
            is_over.store(true, Ordering::SeqCst);
            assert_eq!(reply.code(), "timeout.total", "{reply:?}");
        });
        is_written.recv().expect("the first call");
        while meanwhile < 3 {
            assert_eq!(client.get().body, b"something");
            assert!(!is_over.load(Ordering::SeqCst), "only {meanwhile} calls ended meanwhile");
            meanwhile += 1;
        }
    });
}

#[test]
fn a_response_to_be_repeated_whose_body_drips() {
    let client = Client::http1(|peer| {
        drip(peer, "HTTP/1.1 503 Unavailable\r\nretry-after: 3600\r\ncontent-length: 1000000\r\n\r\n")
    });
    in_time(&client, 1000, |_| {}, timed_out(1000));
}

#[test]
fn a_server_that_never_begins_with_tls() {
    let client = Client::with(
        Over::Plain,
        |configuration| configuration["defaults"] = json!({"connect_timeout_ms": 300}),
        |peer| {
            while peer.take(1).is_some() {}
            false
        },
    );
    let base = client.server.url("https", "localhost");
    // The deadline may end an attempt, or leave no time for the pause before the next one.
    in_time(
        &client,
        1000,
        |request| request["base_url"] = json!(base),
        |reply, _| {
            assert!(["timeout.connect", "timeout.total"].contains(&reply.code()), "{reply:?}");
            assert_eq!(reply.sent(), "no");
        },
    );
}
