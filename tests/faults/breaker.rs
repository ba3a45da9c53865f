//! A service that keeps failing gets no requests for a time, as its policy says. Each process counts for each service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::alone;
use crate::support::client::{Client, Over};
use crate::support::library::{Reply, cancel, end, explain, open, send, start, wait};
use crate::support::oauth::Gate;
use crate::support::server::ClosedPort;

const DAY: u64 = 86_400_000;

/// A server that responds with 500 for as long as it is broken.
fn server() -> (Client, Arc<AtomicBool>) {
    let broken = Arc::new(AtomicBool::new(true));
    let serving = Arc::clone(&broken);
    let client = Client::with(
        Over::Plain,
        |_| {},
        move |peer| {
            while peer.read().is_some() {
                match serving.load(Ordering::SeqCst) {
                    true => peer.write("HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n"),
                    false => peer.respond("done"),
                };
            }
            true
        },
    );
    (client, broken)
}

fn breaker(failures: u32, open_ms: u64) -> impl Fn(&mut Value) {
    move |request| request["policy"]["breaker"] = json!({"failures": failures, "open_ms": open_ms})
}

fn assert_open(reply: &Reply) {
    assert_eq!((reply.code(), reply.sent()), ("policy.circuit_open", "no"), "{reply:?}");
    assert_eq!(reply.head["error"]["retryable"], true);
    let audit = &reply.head["audit"];
    assert_eq!((&audit["attempts"], &audit["attempt_errors"]), (&json!(0), &json!([])));
}

#[test]
fn it_opens_probes_and_closes() {
    let (client, broken) = server();
    for _ in 0..2 {
        assert_eq!(client.call("POST", b"", breaker(2, DAY)).http_status(), Some(500));
    }
    for _ in 0..3 {
        assert_open(&client.call("POST", b"", breaker(2, DAY)));
    }
    assert_eq!(client.counts().requests(), 2);

    // Longer than the millisecond that it then stays open.
    thread::sleep(Duration::from_millis(5));
    assert_eq!(client.call("POST", b"", breaker(2, 1)).http_status(), Some(500), "the probe");
    assert_open(&client.call("POST", b"", breaker(2, DAY)));
    thread::sleep(Duration::from_millis(5));
    broken.store(false, Ordering::SeqCst);
    assert_eq!(client.call("POST", b"", breaker(2, 1)).http_status(), Some(200), "the probe");
    broken.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(client.call("POST", b"", breaker(2, DAY)).http_status(), Some(500), "it counts anew");
    }
    assert_open(&client.call("POST", b"", breaker(2, DAY)));
    assert_eq!(client.counts().requests(), 6);
}

/// A request with one credential, for which the test gives no valid envelope.
fn garbled(failures: u32, open_ms: u64) -> impl Fn(&mut Value) {
    move |request| {
        breaker(failures, open_ms)(request);
        request["credentials"] = json!([{"identifier": "a_key", "type": "bearer"}]);
    }
}

#[test]
fn it_is_known_to_the_decision_and_nothing_is_opened() {
    let (client, _) = server();
    assert_eq!(client.call("POST", b"", breaker(1, DAY)).http_status(), Some(500));
    let request = client.request("POST", garbled(1, DAY));
    assert_open(&send(client.engine, &request, b"", "no envelope"));
    let (status, head) = explain(client.engine, &request, 0);
    assert_eq!((status, &head["allowed"], &head["error"]["code"]), (1, &json!(false), &json!("policy.circuit_open")));
    assert_eq!((&head["error"]["retryable"], &head["error"]["sent"]), (&json!(true), &json!("no")));
    assert_eq!(head["audit"]["host"], "localhost");
    let refused = client.request("GET", |request| {
        garbled(1, DAY)(request);
        request["policy"]["request_bytes"] = json!(0);
    });
    assert_eq!(send(client.engine, &refused, b"body", "no envelope").code(), "policy.request_too_large");
}

#[test]
fn a_look_takes_no_probe_and_a_call_that_ends_before_it_is_sent_gives_it_back() {
    let (client, broken) = server();
    assert_eq!(client.call("POST", b"", breaker(1, DAY)).http_status(), Some(500));
    // Longer than the millisecond that it then stays open.
    thread::sleep(Duration::from_millis(5));
    for _ in 0..3 {
        assert_eq!(explain(client.engine, &client.request("POST", breaker(1, 1)), 0).0, 0, "a look");
        let request = client.request("POST", garbled(1, 1));
        assert_eq!(send(client.engine, &request, b"", "no envelope").code(), "credential.key_unavailable");
    }
    assert_eq!(client.counts().requests(), 1);
    broken.store(false, Ordering::SeqCst);
    assert_eq!(client.call("POST", b"", breaker(1, 1)).http_status(), Some(200), "the probe");
}

#[test]
fn while_a_probe_is_on_its_way_a_look_says_that_it_is_open() {
    let gate = Gate::default();
    let waiting = gate.clone();
    let seen = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&seen);
    let client = Client::with(
        Over::Plain,
        |_| {},
        move |peer| {
            while let Some(received) = peer.read() {
                if received.line().contains("probe") {
                    tell.store(true, Ordering::SeqCst);
                    waiting.pass();
                }
                peer.write("HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n");
            }
            true
        },
    );
    assert_eq!(client.call("POST", b"", breaker(1, DAY)).http_status(), Some(500));
    thread::sleep(Duration::from_millis(5));
    thread::scope(|scope| {
        let probe = scope.spawn(|| {
            client.call("POST", b"", |request| {
                breaker(1, 1)(request);
                request["path"] = json!("/probe");
            })
        });
        while !seen.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        let request = client.request("POST", garbled(1, 1));
        assert_eq!(explain(client.engine, &request, 0).1["error"]["code"], "policy.circuit_open");
        assert_open(&send(client.engine, &request, b"", "no envelope"));
        gate.open();
        assert_eq!(probe.join().expect("no panic").http_status(), Some(500));
    });
}

#[test]
fn it_is_off_unless_the_policy_has_one() {
    let (client, _) = server();
    for _ in 0..20 {
        assert_eq!(client.post(b"").http_status(), Some(500));
    }
    assert_eq!(client.call("POST", b"", breaker(1, DAY)).http_status(), Some(500), "nothing was counted");
    assert_open(&client.call("POST", b"", breaker(1, DAY)));
    assert_eq!(client.post(b"").http_status(), Some(500));
}

#[test]
fn every_service_and_engine_has_its_own() {
    let (client, _) = server();
    assert_eq!(client.call("POST", b"", breaker(1, DAY)).http_status(), Some(500));
    let other = |request: &mut Value| {
        breaker(1, DAY)(request);
        request["service_id"] = json!("other");
    };
    assert_eq!(client.call("POST", b"", other).http_status(), Some(500));
    assert_open(&client.call("POST", b"", other));
    assert_open(&client.call("POST", b"", breaker(1, DAY)));
}

#[test]
fn attempts_are_counted_and_an_opening_ends_them() {
    let (mut client, _) = server();
    let closed = ClosedPort::new();
    let unreachable = |request: &mut Value| {
        breaker(2, DAY)(request);
        request["base_url"] = json!(format!("http://127.0.0.1:{}", closed.number()));
        request["policy"]["max_attempts"] = json!(10);
    };
    let ports = json!([closed.number(), client.server.address.port()]);
    let (status, engine, head) = open(&json!({
        "version": 1, "tls": {"roots": "file", "ca_file": client.authority.file()},
        "internal_hosts": [{"host": "127.0.0.1", "networks": ["127.0.0.0/8"], "ports": ports}],
    }));
    assert_eq!(status, 0, "{head}");
    client.engine = engine;
    let reply = client.call("POST", b"", unreachable);
    assert_eq!(reply.code(), "connect.refused", "what there is goes to the caller: {reply:?}");
    assert_eq!(reply.head["audit"]["attempt_errors"], json!(["connect.refused", "connect.refused"]));
    assert_open(&client.call("POST", b"", unreachable));
}

#[test]
fn a_response_that_breaks_off_is_a_failure() {
    let client = Client::with(
        Over::Plain,
        |_| {},
        |peer| peer.read().is_some() && peer.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"),
    );
    assert_eq!(client.call("POST", b"", breaker(1, DAY)).code(), "protocol.closed_early");
    assert_open(&client.call("POST", b"", breaker(1, DAY)));
}

/// A call that its caller ends says nothing: neither that the service fails, nor, as a probe, that it works.
#[test]
fn a_cancelled_call_counts_nothing_and_gives_its_probe_back() {
    let client = Client::with(
        Over::Plain,
        |_| {},
        |peer| {
            while let Some(received) = peer.read() {
                if received.line().contains("broken") {
                    peer.write("HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n");
                } else {
                    return peer.take(1).is_none();
                }
            }
            true
        },
    );
    let cancelled = |failures, open_ms| {
        let requests = client.counts().requests();
        let request = client.request("POST", breaker(failures, open_ms));
        let (status, exchange, refusal) = start(client.engine, &request, b"", "", false);
        assert_eq!((status, refusal), (0, Value::Null));
        while client.counts().requests() == requests {
            wait(&[exchange], 10);
        }
        assert_eq!(cancel(exchange), 0);
        assert_eq!(end(exchange).1["error_code"], "cancelled.requested");
    };
    let broken = |failures, open_ms| {
        client.call("POST", b"", |request| {
            breaker(failures, open_ms)(request);
            request["path"] = json!("/broken");
        })
    };
    cancelled(1, DAY);
    cancelled(1, DAY);
    assert_eq!(broken(2, DAY).http_status(), Some(500));
    cancelled(2, DAY);
    assert_eq!(broken(2, DAY).http_status(), Some(500), "one failure does not open it");
    assert_open(&broken(2, DAY));
    // Longer than the millisecond that it then stays open.
    thread::sleep(Duration::from_millis(5));
    cancelled(2, 1);
    cancelled(2, 1);
    assert_eq!(broken(2, 1).http_status(), Some(500), "each is another probe");
    assert_open(&broken(2, DAY));
}

#[test]
fn a_forked_child_begins_with_closed_ones() {
    alone::in_own_process("a_forked_child_begins_with_closed_ones", || {
        let (client, _) = server();
        assert_eq!(client.call("POST", b"", breaker(1, DAY)).http_status(), Some(500));
        assert_open(&client.call("POST", b"", breaker(1, DAY)));
        assert!(alone::in_child(|| {
            assert_eq!(client.call("POST", b"", breaker(1, DAY)).http_status(), Some(500));
            assert_open(&client.call("POST", b"", breaker(1, DAY)));
        }));
        assert_open(&client.call("POST", b"", breaker(1, DAY)));
    });
}

#[test]
fn a_breaker_has_its_form() {
    let (client, _) = server();
    for bad in [
        json!({}),
        json!({"failures": 1}),
        json!({"open_ms": 1}),
        json!({"failures": 0, "open_ms": 1}),
        json!({"failures": 1, "open_ms": 0}),
        json!({"failures": 1, "open_ms": DAY + 1}),
        json!({"failures": "1", "open_ms": 1}),
        json!({"failures": 1, "open_ms": 1, "probes": 1}),
        json!(5),
    ] {
        let reply = client.call("POST", b"", |request| request["policy"]["breaker"] = bad.clone());
        assert_eq!(reply.code(), "invalid_request.malformed", "{bad}: {reply:?}");
    }
    assert_eq!(client.counts().connections(), 0);
}
