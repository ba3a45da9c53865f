//! Bodies: their limit, their size on the wire, and bodies that end too early.

use serde_json::{Value, json};

use crate::support::client::{Client, Over, raw};
use crate::support::h2;
use crate::support::library::Reply;
use crate::support::server::Peer;

fn cap(bytes: u64) -> impl Fn(&mut Value) {
    move |request| request["policy"]["response_bytes"] = json!(bytes)
}

/// The failure says that it came after the head of the response.
fn late_failure(reply: &Reply, code: &str, status: u16) {
    assert_eq!((reply.status, reply.code(), reply.sent()), (1, code, "yes"), "{reply:?}");
    assert_eq!(reply.head["error"]["http_status"], status);
    assert_eq!(reply.head["audit"]["status"], status);
    assert_eq!(reply.head["status"], Value::Null);
    assert!(reply.body.is_empty() && reply.head["headers"] == json!([]));
}

/// A body of so many `a` in every framing of HTTP.
fn framings(length: usize) -> Vec<(&'static str, Client)> {
    let body = "a".repeat(length);
    let sized = format!("HTTP/1.1 201 Created\r\ncontent-length: {length}\r\n\r\n{body}");
    let chunk = if length == 0 { String::new() } else { format!("{length:x}\r\n{body}\r\n") };
    let chunked = format!("HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
    let closed = format!("HTTP/1.1 201 Created\r\n\r\n{body}");
    let plain = closed.clone();
    vec![
        ("content-length", raw(sized)),
        ("chunked", raw(chunked)),
        ("until close_notify", raw(closed)),
        (
            "until closed, without TLS",
            Client::with(Over::Plain, |_| {}, move |peer| peer.read().is_some() && peer.write(&plain)),
        ),
        (
            "HTTP/2",
            Client::http2(move |connection| {
                while let Some(stream) = connection.request() {
                    connection.head(stream, &[(":status", b"201")], false);
                    for chunk in body.as_bytes().chunks(10_000) {
                        connection.data(stream, chunk, false);
                    }
                    connection.data(stream, b"", true);
                }
                true
            }),
        ),
    ]
}

#[test]
fn the_cap_is_exact_in_every_framing() {
    for length in [0, 1, 30_000] {
        for (name, client) in framings(length) {
            let reply = client.call("GET", b"", cap(length as u64));
            assert_eq!((reply.http_status(), reply.body.len()), (Some(201), length), "{name}: {reply:?}");
            assert_eq!(reply.head["audit"]["bytes_in"], length, "{name}");
            if length > 0 {
                assert!(name == "HTTP/2" || client.counts().wait_ended(1));
                let reply = client.call("POST", b"x", cap(length as u64 - 1));
                late_failure(&reply, "response.too_large", 201);
                assert_eq!(reply.head["error"]["retryable"], false);
            }
        }
    }
}

#[test]
fn the_least_of_limit_policy_and_default_holds() {
    let case = |limit: u64, default: u64, policy: Option<u64>| {
        let change = move |configuration: &mut Value| {
            configuration["limits"] = json!({"response_bytes": limit});
            configuration["defaults"] = json!({"response_bytes": default});
        };
        let client = Client::with(Over::Http1, change, |peer| peer.read().is_some() && peer.respond("four"));
        let reply = client.call("GET", b"", |request| {
            if let Some(bytes) = policy {
                request["policy"]["response_bytes"] = json!(bytes);
            }
        });
        reply.code().to_owned()
    };
    assert_eq!(case(4, 4, None), "");
    assert_eq!(case(100, 3, None), "response.too_large");
    assert_eq!(case(100, 3, Some(4)), "");
    assert_eq!(case(3, 100, Some(100)), "response.too_large");
    assert_eq!(case(100, 100, Some(3)), "response.too_large");
}

#[test]
fn an_announced_length_above_the_cap_is_refused_before_the_body() {
    let announced: fn(&mut Peer<'_>) -> bool = |peer| {
        peer.read();
        peer.write("HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\n");
        // The server sends no byte of the body, and the client must close the connection.
        peer.take(1).is_none()
    };
    for over in [Over::Plain, Over::Http1] {
        let client = Client::with(over, |_| {}, announced);
        late_failure(&client.call("POST", b"x", cap(4)), "response.too_large", 201);
        assert!(client.counts().wait_closed(1), "{over:?}: closed without another call");
    }
    let (reset, was_reset) = std::sync::mpsc::channel();
    let client = Client::http2(move |connection| {
        let Some(stream) = connection.request() else { return true };
        connection.head(stream, &[(":status", b"201"), ("content-length", b"5")], false);
        while let Some(frame) = connection.next() {
            if frame.kind == h2::RST_STREAM {
                reset.send(frame.stream).expect("a test that waits");
            }
        }
        true
    });
    late_failure(&client.call("POST", b"x", cap(4)), "response.too_large", 201);
    let stream = was_reset.recv_timeout(std::time::Duration::from_secs(5));
    assert_eq!(stream, Ok(1), "the stream is reset without another call");
}

#[test]
fn an_endless_body_stops_at_the_cap() {
    let client = Client::http1(|peer| {
        peer.read();
        peer.write("HTTP/1.1 200 OK\r\n\r\n");
        while peer.write([b'a'; 10_000]) {}
        false
    });
    let reply = client.call("GET", b"", cap(100_000));
    late_failure(&reply, "response.too_large", 200);
    assert!(client.counts().wait_closed(1));
    let counted = reply.head["audit"]["bytes_in"].as_u64().expect("a number");
    assert!((100_001..2_000_000).contains(&counted), "{counted}");
}

#[test]
fn bodies_that_end_early() {
    let cases = [
        ("content-length, close_notify", true, "content-length: 10\r\n\r\npart"),
        ("content-length, no close_notify", false, "content-length: 10\r\n\r\npart"),
        ("no byte of it", true, "content-length: 10\r\n\r\n"),
        ("in a chunk", true, "transfer-encoding: chunked\r\n\r\n8\r\npart"),
        ("between chunks", true, "transfer-encoding: chunked\r\n\r\n4\r\npart\r\n"),
        ("in a chunk's size", true, "transfer-encoding: chunked\r\n\r\n4\r\npart\r\n4"),
        ("before the last line", true, "transfer-encoding: chunked\r\n\r\n4\r\npart\r\n0\r\n"),
        ("close-delimited without close_notify", false, "\r\npart"),
        ("close-delimited, empty, without close_notify", false, "\r\n"),
    ];
    for (name, notify, rest) in cases {
        let response = format!("HTTP/1.1 201 Created\r\n{rest}");
        let client = Client::http1(move |peer| peer.read().is_some() && peer.write(&response) && notify);
        for method in ["POST", "GET"] {
            let reply = client.call(method, b"", |_| {});
            late_failure(&reply, "protocol.closed_early", 201);
            assert_eq!(reply.head["error"]["retryable"], method == "GET", "{name}");
            let arrived = if rest.contains("part") { 4 } else { 0 };
            assert_eq!(reply.head["audit"]["bytes_in"], arrived, "{name}");
        }
        assert_eq!(client.counts().requests(), 2, "{name}: a request whose response began is not sent again");
    }
}

#[test]
fn streams_that_end_early() {
    type Ending = fn(&mut h2::Connection<'_, '_>, u32) -> bool;
    let endings: [(&str, &str, Ending); 9] = [
        ("short", "10", |connection, stream| connection.data(stream, b"part", true)),
        ("short, with an empty frame", "10", |connection, stream| {
            connection.data(stream, b"part", false) && connection.data(stream, b"", true)
        }),
        ("INTERNAL_ERROR", "10", |connection, stream| {
            connection.data(stream, b"part", false) && connection.rst(stream, h2::INTERNAL_ERROR)
        }),
        ("REFUSED_STREAM", "10", |connection, stream| connection.rst(stream, h2::REFUSED_STREAM)),
        ("NO_ERROR", "10", |connection, stream| connection.rst(stream, h2::NO_ERROR)),
        ("NO_ERROR, of unknown length", "", |connection, stream| {
            connection.data(stream, b"part", false) && connection.rst(stream, h2::NO_ERROR)
        }),
        ("CANCEL, of unknown length", "", |connection, stream| {
            connection.data(stream, b"part", false) && connection.rst(stream, h2::CANCEL)
        }),
        ("closed", "10", |connection, stream| !connection.data(stream, b"part", false)),
        ("closed, of unknown length", "", |connection, stream| !connection.data(stream, b"part", false)),
    ];
    for (name, length, end) in endings {
        let client = Client::http2(move |connection| {
            while let Some(stream) = connection.request() {
                let length = [(":status", &b"201"[..]), ("content-length", length.as_bytes())];
                connection.head(stream, if length[1].1.is_empty() { &length[..1] } else { &length }, false);
                if !end(connection, stream) {
                    return true;
                }
            }
            true
        });
        let reply = client.post(b"x");
        late_failure(&reply, "protocol.closed_early", 201);
        assert_eq!(client.counts().requests(), 1, "{name}");
    }
}

#[test]
fn more_than_was_announced_is_not_the_body() {
    // HTTP/1.1: the bytes after the body belong to no response, so the connection is not used again.
    let client =
        raw("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfourHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
    for _ in 0..3 {
        assert_eq!(client.get().body, b"four");
    }
    assert_eq!(client.counts().connections(), 3);

    let client = Client::http2(|connection| {
        while let Some(stream) = connection.request() {
            connection.head(stream, &[(":status", b"200"), ("content-length", b"4")], false);
            connection.data(stream, b"four", false);
            connection.data(stream, b"more", true);
        }
        true
    });
    late_failure(&client.post(b""), "protocol.invalid", 200);
}

#[test]
fn the_request_has_a_cap_too() {
    let client = Client::with(
        Over::Http1,
        |configuration| configuration["limits"] = json!({"request_bytes": 8}),
        |peer| peer.read().is_some() && peer.respond(""),
    );
    let send = |length: usize, policy: u64| {
        client.call("POST", &vec![b'x'; length], |request| request["policy"]["request_bytes"] = json!(policy))
    };
    assert_eq!(send(4, 4).http_status(), Some(200));
    assert!(client.counts().wait_ended(1), "a POST may meet the end of its connection");
    for (length, policy) in [(5, 4), (9, 100)] {
        let reply = send(length, policy);
        assert_eq!((reply.code(), reply.sent()), ("policy.request_too_large", "no"));
    }
    assert_eq!(send(8, 100).head["audit"]["bytes_out"], 8);
    assert_eq!((client.counts().requests(), client.counts().connections()), (2, 2), "nothing left for a refused one");
}
