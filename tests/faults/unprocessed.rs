//! HTTP/2 servers that refuse requests, send GOAWAY or break the protocol: only requests that they did not process are sent
//! again.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::client::Client;
use crate::support::h2::{self, Connection};
use crate::support::library::Reply;

fn failure(reply: &Reply) -> (&str, &str, bool, Option<u64>) {
    assert_eq!(reply.status, 1, "{reply:?}");
    let error = &reply.head["error"];
    (reply.code(), reply.sent(), error["retryable"] == true, error["http_status"].as_u64())
}

fn until_closed(connection: &mut Connection<'_, '_>) -> bool {
    while connection.next().is_some() {}
    true
}

/// A server that refuses the first requests in this way and responds to those that follow.
fn refusing(first: usize, refuse: fn(&mut Connection<'_, '_>, u32) -> bool) -> Client {
    let seen = AtomicUsize::new(0);
    Client::http2(move |connection| {
        while let Some(stream) = connection.request() {
            if seen.fetch_add(1, Ordering::SeqCst) >= first {
                connection.respond(stream, "done");
            } else if !refuse(connection, stream) {
                return true;
            }
        }
        true
    })
}

type Refusal = fn(&mut Connection<'_, '_>, u32) -> bool;

const REFUSALS: [(&str, Refusal); 4] = [
    ("REFUSED_STREAM", |connection, stream| connection.rst(stream, h2::REFUSED_STREAM)),
    ("GOAWAY below the stream", |connection, stream| !connection.go_away(stream - 1, h2::NO_ERROR)),
    ("GOAWAY of nothing", |connection, _| !connection.go_away(0, h2::INTERNAL_ERROR)),
    ("GOAWAY twice", |connection, _| {
        connection.go_away(i32::MAX as u32, h2::NO_ERROR);
        !connection.go_away(0, h2::NO_ERROR)
    }),
];

#[test]
fn refused_requests_are_sent_again_at_most_three_times() {
    for (name, refuse) in REFUSALS {
        for method in ["POST", "GET"] {
            let client = refusing(3, refuse);
            let reply = client.call(method, b"", |_| {});
            assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"done"[..]), "{name} {reply:?}");
            assert_eq!(client.counts().requests(), 4, "{name} {method}");
            assert_eq!(reply.head["audit"]["attempts"], 1, "{name}: not an attempt");

            let client = refusing(usize::MAX, refuse);
            let reply = client.call(method, b"", |_| {});
            assert_eq!(failure(&reply), ("protocol.closed_early", "no", true, None), "{name} {method}");
            assert_eq!(client.counts().requests(), 4, "{name} {method}");
        }
    }
}

#[test]
fn bytes_out_counts_every_sending() {
    let client = refusing(2, REFUSALS[0].1);
    assert_eq!(client.post(b"four").head["audit"]["bytes_out"], 12);
}

#[test]
fn a_break_that_may_have_been_processed_is_not_repeated() {
    let cases: [(&str, Refusal); 6] = [
        ("GOAWAY of the stream, then close", |connection, stream| !connection.go_away(stream, h2::NO_ERROR)),
        ("GOAWAY of everything, then close", |connection, _| !connection.go_away(i32::MAX as u32, h2::NO_ERROR)),
        ("GOAWAY with an error", |connection, stream| !connection.go_away(stream, h2::INTERNAL_ERROR)),
        ("RST_STREAM INTERNAL_ERROR", |connection, stream| connection.rst(stream, h2::INTERNAL_ERROR)),
        ("RST_STREAM PROTOCOL_ERROR", |connection, stream| connection.rst(stream, h2::PROTOCOL_ERROR)),
        ("close", |_, _| false),
    ];
    for (name, refuse) in cases {
        for method in ["POST", "GET"] {
            let client = refusing(usize::MAX, refuse);
            let reply = client.call(method, b"", |_| {});
            assert_eq!(failure(&reply), ("protocol.closed_early", "maybe", method == "GET", None), "{name}");
            assert_eq!(client.counts().requests(), 1, "{name} {method}");
        }
    }
}

#[test]
fn a_maybe_is_not_hidden_by_an_earlier_no() {
    // The first request is refused and sent again. The second one is reset, and may have been processed.
    let seen = AtomicUsize::new(0);
    let client = Client::http2(move |connection| {
        while let Some(stream) = connection.request() {
            if seen.fetch_add(1, Ordering::SeqCst) == 0 {
                return connection.rst(stream, h2::REFUSED_STREAM) && connection.go_away(stream, h2::NO_ERROR);
            }
            connection.rst(stream, h2::INTERNAL_ERROR);
        }
        true
    });
    assert_eq!(failure(&client.post(b"x")), ("protocol.closed_early", "maybe", false, None));
    assert_eq!(client.counts().requests(), 2);
}

#[test]
fn going_away_after_the_stream_still_gives_its_response() {
    let client = refusing(1, |connection, stream| {
        connection.go_away(stream, h2::NO_ERROR);
        !connection.respond(stream, "last")
    });
    assert_eq!(client.post(b"x").body, b"last");
    assert_eq!(client.post(b"x").body, b"done");
    assert_eq!((client.counts().requests(), client.counts().connections()), (2, 2));
}

#[test]
fn a_connection_that_never_takes_a_request() {
    // With a GOAWAY before any request, HTTP/2 has not sent the request, and it is tried again.
    let client = Client::http2(|connection| connection.go_away(0, h2::NO_ERROR));
    assert_eq!(failure(&client.post(b"x")), ("protocol.closed_early", "no", true, None));
    assert_eq!(client.counts().requests(), 0);
    assert_eq!(client.counts().connections(), 4, "one, and three more");
}

#[test]
fn a_violation_of_http2() {
    let cases: [(&str, Refusal); 4] = [
        ("no status", |connection, stream| connection.head(stream, &[("a", b"b")], true)),
        ("a connection's own field", |connection, stream| {
            connection.head(stream, &[(":status", b"200"), ("transfer-encoding", b"chunked")], true)
        }),
        ("a frame of a stream nobody opened", |connection, stream| connection.data(stream + 2, b"x", true)),
        ("an unfinished block", |connection, stream| {
            connection.frame(h2::HEADERS, 0, stream, &h2::block(&[(":status", b"200")]))
                && connection.data(stream, b"x", true)
        }),
    ];
    for (name, violate) in cases {
        let client = Client::http2(move |connection| {
            connection.request().is_some_and(|stream| violate(connection, stream)) && until_closed(connection)
        });
        assert_eq!(failure(&client.post(b"x")), ("protocol.invalid", "maybe", false, None), "{name}");
        assert_eq!(client.counts().requests(), 1, "{name}");
    }
}
