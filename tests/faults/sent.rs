//! `sent`, `code` and `retryable` say what happened on the connection, and no request is processed twice.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::client::{Client, Over};
use crate::support::h2::{self, Connection};
use crate::support::library::Reply;
use crate::support::server::{ClosedPort, Peer};

/// Long enough for a request to arrive on a busy machine. Slow servers take longer.
const SLOW_MS: u64 = 2000;

type Handler = fn(&mut Peer<'_>) -> bool;

/// Code, `sent`, `retryable` and `http_status` of a failure.
fn failure(reply: &Reply) -> (&str, &str, bool, Option<u64>) {
    let error = &reply.head["error"];
    assert_eq!(reply.status, 1, "{reply:?}");
    assert_eq!(error["http_status"], reply.head["audit"]["status"], "{reply:?}");
    assert_eq!(error["code"], reply.head["audit"]["error_code"]);
    assert_eq!(error["sent"], reply.head["audit"]["sent"]);
    (reply.code(), reply.sent(), error["retryable"] == true, error["http_status"].as_u64())
}

fn timeout(milliseconds: u64) -> impl Fn(&mut Value) {
    move |request| request["timeout_ms"] = json!(milliseconds)
}

/// Waits until the client closes, however long that takes.
fn silence(peer: &mut Peer<'_>) -> bool {
    while peer.take(1).is_some() {}
    false
}

/// Reads frames until the client closes.
fn until_closed(connection: &mut Connection<'_, '_>) -> bool {
    while connection.next().is_some() {}
    true
}

#[test]
fn a_closed_port() {
    let port = ClosedPort::new();
    let client = Client::with(
        Over::Http1,
        |configuration| {
            for host in configuration["internal_hosts"].as_array_mut().expect("a list") {
                host["ports"] = json!([port.number()]);
            }
        },
        |_| true,
    );
    let base = format!("https://localhost:{}", port.number());
    let reply = client.call("POST", b"x", |request| request["base_url"] = json!(base));
    assert_eq!(failure(&reply), ("connect.refused", "no", true, None));
    assert_eq!(reply.head["audit"]["bytes_out"], 0);
    assert_eq!(reply.head["audit"]["remote_address"], Value::Null);
}

#[test]
fn a_connection_that_ends_before_or_in_the_handshake() {
    let cases: [Handler; 4] = [
        |_| false,
        |peer| {
            peer.take(1);
            peer.reset()
        },
        |peer| !peer.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
        |peer| {
            peer.take(5);
            // A fatal alert: handshake_failure.
            peer.write([21, 3, 3, 0, 2, 2, 40]) && silence(peer)
        },
    ];
    for (number, handler) in cases.into_iter().enumerate() {
        let client = Client::with(Over::Plain, |_| {}, handler);
        let base = client.server.url("https", "localhost");
        let reply = client.call("POST", b"x", |request| request["base_url"] = json!(base));
        assert_eq!(failure(&reply), ("tls.handshake_failed", "no", true, None), "case {number}");
        assert_eq!(client.counts().connections(), 1, "case {number}");
    }
}

#[test]
fn a_deadline_before_the_connection_is_there() {
    let client = Client::with(Over::Plain, |c| c["defaults"] = json!({"connect_timeout_ms": 100}), silence);
    let base = client.server.url("https", "localhost");
    let begun = Instant::now();
    let reply = client.call("POST", b"x", |request| request["base_url"] = json!(base));
    assert_eq!(failure(&reply), ("timeout.connect", "no", true, None));
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert!(client.counts().wait_closed(1), "nothing is left behind");

    for (configured, asked) in [(60_000, 100), (100, 60_000)] {
        let defaults = json!({"connect_timeout_ms": configured, "timeout_ms": 60_000});
        let client = Client::with(Over::Plain, |c| c["defaults"] = defaults, silence);
        let base = client.server.url("https", "localhost");
        let reply = client.call("POST", b"x", |request| {
            request["base_url"] = json!(base);
            request["connect_timeout_ms"] = json!(asked);
        });
        assert_eq!(failure(&reply), ("timeout.connect", "no", true, None), "{configured}, {asked}");
        assert!(client.counts().wait_closed(1), "nothing is left behind");
    }

    let client = Client::with(Over::Plain, |_| {}, silence);
    let base = client.server.url("https", "localhost");
    let reply = client.call("POST", b"x", |request| {
        request["base_url"] = json!(base);
        timeout(SLOW_MS)(request);
    });
    assert_eq!(failure(&reply), ("timeout.total", "no", true, None));
    assert!(client.counts().wait_closed(1), "nothing is left behind");
}

#[test]
fn a_deadline_while_nobody_accepts() {
    // A listener whose queue is full accepts no SYN.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut waiting = Vec::new();
    while let Ok(tcp) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(tcp);
    }
    let client = Client::with(
        Over::Http1,
        |configuration| {
            for host in configuration["internal_hosts"].as_array_mut().expect("a list") {
                host["ports"] = json!([address.port()]);
            }
        },
        |_| true,
    );
    let reply = client.call("POST", b"x", |request| {
        request["base_url"] = json!(format!("https://localhost:{}", address.port()));
        request["timeout_ms"] = json!(100);
    });
    assert_eq!(failure(&reply), ("timeout.total", "no", true, None));
}

/// An HTTP/1.1 server that reads a request and does this.
fn http1(after: Handler) -> Client {
    Client::http1(move |peer| peer.read().is_some() && after(peer))
}

#[test]
fn a_connection_that_ends_without_a_response() {
    let cases: [(&str, Handler); 2] = [("close_notify", |_| true), ("no close_notify", |_| false)];
    for (name, after) in cases {
        let client = http1(after);
        assert_eq!(failure(&client.post(b"x")), ("protocol.closed_early", "maybe", false, None), "{name}");
        assert_eq!((client.counts().requests(), client.counts().connections()), (1, 1), "{name}");
        let keyed = client.call("POST", b"x", |request| request["idempotency_key"] = json!("one"));
        assert_eq!(failure(&keyed), ("protocol.closed_early", "maybe", true, None), "{name}");
        assert_eq!(client.counts().requests(), 2, "{name}");
        for method in ["GET", "HEAD", "OPTIONS"] {
            let client = http1(after);
            let reply = client.call(method, b"", |_| {});
            assert_eq!(failure(&reply), ("protocol.closed_early", "maybe", true, None), "{name} {method}");
            assert_eq!(client.counts().requests(), 2, "{name} {method} is retried once");
        }
        for method in ["PUT", "DELETE", "PATCH"] {
            let client = http1(after);
            let reply = client.call(method, b"", |_| {});
            let retryable = method != "PATCH";
            assert_eq!(failure(&reply), ("protocol.closed_early", "maybe", retryable, None), "{name} {method}");
            assert_eq!(client.counts().requests(), 1, "{name} {method}");
        }
    }
}

#[test]
fn a_get_that_is_sent_again_and_has_a_response() {
    let client = Client::http1(|peer| peer.read().is_some() && peer.connection > 0 && peer.respond("second"));
    let reply = client.get();
    assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"second"[..]), "{reply:?}");
    assert_eq!(reply.head["audit"]["attempts"], 1);
}

#[test]
fn a_reset_after_part_of_the_request() {
    let client = Client::with(
        Over::Plain,
        |_| {},
        |peer| {
            peer.take(20);
            peer.reset()
        },
    );
    assert_eq!(failure(&client.post(b"x")), ("protocol.closed_early", "maybe", false, None));
    assert_eq!(client.counts().connections(), 1);
}

#[test]
fn part_of_a_head_is_a_response_begun() {
    // The connection ends after the first byte of the response, so even a GET is not retried.
    let client = http1(|peer| peer.write("HTTP/1.1 20"));
    assert_eq!(failure(&client.get()), ("protocol.closed_early", "maybe", true, None));
    assert_eq!(client.counts().requests(), 1);
}

#[test]
fn part_of_a_head_on_the_connection_after_an_idle_one() {
    // The first connection closes while it is idle. The failure is that of the second one.
    let client = Client::http1(|peer| match peer.connection {
        0 => peer.read().is_some() && peer.respond("first"),
        _ => peer.read().is_some() && peer.write("HTTP/1.1 20"),
    });
    assert_eq!(client.get().http_status(), Some(200));
    assert!(client.counts().wait_ended(1));
    let reply = client.get();
    assert_eq!(failure(&reply), ("protocol.closed_early", "maybe", true, None));
    assert_eq!(reply.head["audit"]["connection_reused"], false, "the second connection is the one in the record");
    assert_eq!(client.counts().requests(), 2, "not retried");
}

#[test]
fn idle_connections_that_the_server_closes_cost_a_connection_and_no_error() {
    let once: Handler = |peer| peer.read().is_some() && peer.respond("once");
    let clients = [
        Client::with(Over::Plain, |_| {}, once),
        Client::with(Over::Http1, |_| {}, once),
        Client::http2(|connection| {
            let Some(stream) = connection.request() else { return true };
            connection.respond(stream, "once") && connection.go_away(stream, h2::NO_ERROR)
        }),
    ];
    for (which, client) in clients.iter().enumerate() {
        for call in 1..=50 {
            let reply = if call % 2 == 0 { client.get() } else { client.post(b"x") };
            assert_eq!(reply.http_status(), Some(200), "client {which}, call {call}: {reply:?}");
            assert_eq!(reply.head["audit"]["connection_reused"], false, "client {which}, call {call}");
            assert!(client.counts().wait_ended(call));
        }
        assert_eq!((client.counts().requests(), client.counts().connections()), (50, 50), "client {which}");
    }
}

#[test]
fn a_deadline_after_the_request() {
    for client in [http1(silence), Client::http2(until_closed)] {
        let begun = Instant::now();
        let reply = client.call("POST", b"x", timeout(SLOW_MS));
        assert_eq!(failure(&reply), ("timeout.total", "maybe", false, None));
        assert!(begun.elapsed() >= Duration::from_millis(SLOW_MS));
        assert_eq!(reply.head["audit"]["bytes_out"], 1);
    }
    let client = http1(|peer| peer.write("HTTP/1.1 200 OK\r\ncontent-le") && silence(peer));
    assert_eq!(failure(&client.call("GET", b"", timeout(SLOW_MS))), ("timeout.total", "maybe", true, None));
    assert_eq!(client.counts().requests(), 1);
    assert!(client.counts().wait_closed(1), "the connection is closed at once");
}

#[test]
fn a_deadline_in_the_body() {
    let http1: Handler = |peer| {
        peer.read().is_some() && peer.write("HTTP/1.1 201 Created\r\ncontent-length: 9\r\n\r\npart") && silence(peer)
    };
    let http2 = |connection: &mut Connection<'_, '_>| {
        let Some(stream) = connection.request() else { return true };
        connection.head(stream, &[(":status", b"201")], false);
        connection.data(stream, b"part", false) && until_closed(connection)
    };
    for client in [Client::http1(http1), Client::http2(http2)] {
        let reply = client.call("POST", b"x", timeout(SLOW_MS));
        assert_eq!(failure(&reply), ("timeout.total", "yes", false, Some(201)));
        assert_eq!(reply.head["audit"]["bytes_in"], 4);
        assert!(reply.body.is_empty());
    }
}

#[test]
fn a_slow_head_and_a_slow_body_inside_the_deadline() {
    let client = http1(|peer| {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nslow";
        bytes.iter().all(|byte| peer.write([*byte]))
    });
    assert_eq!(client.get().body, b"slow");
}
