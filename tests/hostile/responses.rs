//! Responses that try to be taken for something else: for the response to another request, or for other fields.

use serde_json::json;

use crate::support::client::{Client, raw};

#[test]
fn a_response_that_nobody_asked_for_is_given_to_nobody() {
    // The second response arrives before the next request on the connection, which may be that of another service.
    let client = Client::http1(|peer| {
        let responses = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood";
        while peer.read().is_some() {
            peer.write(format!("{responses}{}", responses.replace("good", "evil")));
        }
        true
    });
    for call in 1..=20 {
        assert_eq!(client.get().body, b"good", "call {call}");
        assert_eq!(client.counts().requests(), call);
    }
}

#[test]
fn a_body_longer_than_it_says_is_no_second_response() {
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngoodHTTP/1.1 500 Evil\r\ncontent-length: 4\r\n\r\nevil";
    let client = raw(response);
    for _ in 0..3 {
        let reply = client.get();
        assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"good"[..]));
    }
}

#[test]
fn bytes_that_are_no_utf8_arrive_as_they_are() {
    let reply =
        raw(b"HTTP/1.1 200 \xc3\x28\xff\r\nx-a: \xff\xfe\xe9\r\ncontent-length: 4\r\n\r\n\xff\xfe\x00\xc3".as_slice())
            .get();
    assert_eq!(reply.body, b"\xff\xfe\x00\xc3");
    // `docs/wire.md`: bytes above 0x7F are mapped as ISO-8859-1.
    assert_eq!(reply.head["headers"][0], json!(["x-a", "\u{ff}\u{fe}\u{e9}"]));

    let client = Client::http2(|connection| {
        while let Some(stream) = connection.request() {
            connection.head(stream, &[(":status", b"200"), ("x-a", b"\xff\xfe\xe9")], false);
            connection.data(stream, b"\xff\xfe\x00\xc3", true);
        }
        true
    });
    let reply = client.get();
    assert_eq!(reply.body, b"\xff\xfe\x00\xc3");
    assert_eq!(reply.head["headers"][0], json!(["x-a", "\u{ff}\u{fe}\u{e9}"]));
}

#[test]
fn no_field_is_split_over_http2() {
    for (name, value) in [
        ("x-a", &b"a\r\nset-cookie: b"[..]),
        ("x-a", b"a\nb"),
        ("x-a", b"a\0b"),
        ("x-a\r\nset-cookie", b"b"),
        ("x-\u{e9}", b"b"),
        ("x a", b"b"),
        ("X-A", b"b"),
        ("", b"b"),
    ] {
        let (name, value) = (name.to_owned(), value.to_vec());
        let shown = format!("{name:?}: {value:?}");
        let client = Client::http2(move |connection| {
            while let Some(stream) = connection.request() {
                connection.head(stream, &[(":status", b"200"), (&name, &value)], true);
            }
            true
        });
        let reply = client.get();
        assert_eq!(reply.code(), "protocol.invalid", "{shown}: {reply:?}");
    }
}

#[test]
fn a_request_cannot_be_split_by_its_caller() {
    let client = Client::http1(|peer| peer.read().is_some() && peer.respond("ok"));
    for (key, value) in [
        ("headers", json!([["x-a", "a\r\nx-b: b"]])),
        ("headers", json!([["x-a", "a\nb"]])),
        ("headers", json!([["x-a\r\nx-b", "b"]])),
        ("headers", json!([["x-a: b\r\nx-c", "b"]])),
        ("method", json!("GET / HTTP/1.1\r\nx: ")),
        ("path", json!("/a\r\nx: b")),
        ("path", json!("/a HTTP/1.1\r\nx: b")),
        ("idempotency_key", json!("a\r\nx: b")),
        ("idempotency_header", json!("a\r\nx")),
    ] {
        let reply = client.call("GET", b"", |request| {
            request["idempotency_key"] = json!("a");
            request[key] = value.clone();
        });
        let refusals = ["invalid_request.malformed", "policy.path_not_canonical", "policy.method_not_allowed"];
        assert!(refusals.contains(&reply.code()), "{key} {value}: {reply:?}");
        assert_eq!(client.counts().requests(), 0, "{key} {value}");
    }
}

#[test]
fn a_stream_that_the_client_never_opened_ends_the_connection() {
    let client = Client::http2(|connection| {
        let Some(stream) = connection.request() else { return false };
        connection.head(stream + 2, &[(":status", b"200")], true);
        connection.respond(stream, "late");
        while connection.peer.write([0; 9]) {}
        false
    });
    assert_eq!(client.get().code(), "protocol.invalid");
}
