//! What a server may do without being hostile, and what a call makes of it.

use std::sync::atomic::Ordering;

use serde_json::json;

use crate::servers::{
    Client, DATA, EARLY, Exchange, GOAWAY, HEADERS, INTERNAL_ERROR, NO_ERROR, OK, REQUEST_REJECTED, VERSION_FALLBACK,
    Work, fields, frame, number, reset,
};
use crate::support::library::Reply;

/// Of a type that has no meaning (RFC 9114 section 7.2.8).
const RESERVED: u64 = 0x21;

fn failure(reply: &Reply) -> (&str, &str, bool) {
    (reply.code(), reply.sent(), reply.head["error"]["retryable"] == true)
}

#[test]
fn frames_that_carry_nothing_end_no_body() {
    let client = Client::new(|exchange| {
        Box::pin(async move {
            let nothing = [frame(DATA, b""), frame(RESERVED, b"nothing"), frame(RESERVED, b"")].concat();
            let trailers = frame(HEADERS, &fields(&[("x-a", b"a")]));
            let (head, a, b) = (frame(HEADERS, OK), frame(DATA, b"a"), frame(DATA, b"b"));
            let pieces =
                [&nothing[2..], &frame(HEADERS, EARLY), &head, &nothing, &a, &nothing, &b, &nothing, &trailers];
            exchange.read().await;
            for piece in [&pieces.concat()[..], &frame(RESERVED, b"x")].concat().chunks(1) {
                exchange.write(piece).await;
            }
            let _ = exchange.send.finish();
        })
    });
    for _ in 0..2 {
        let reply = client.call("POST", b"x", |_| {});
        assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"ab"[..]), "{reply:?}");
    }
    assert_eq!(client.counts(), (2, 1, 0));
}

#[test]
fn many_small_frames_of_an_honest_response_are_no_flood() {
    let client = Client::new(|exchange| {
        Box::pin(async move {
            exchange.read().await;
            exchange.write(&frame(HEADERS, OK)).await;
            let piece = [frame(DATA, b"a"), frame(RESERVED, b"")].concat();
            exchange.write(&piece.repeat(20_000)).await;
            let _ = exchange.send.finish();
        })
    });
    for _ in 0..2 {
        let reply = client.call("POST", b"x", |_| {});
        assert_eq!((reply.http_status(), reply.body.len()), (Some(200), 20_000), "{:?}", reply.head["error"]);
    }
    assert_eq!(client.counts(), (2, 1, 0));
}

#[test]
fn streams_that_mean_nothing_are_no_flood() {
    let client = Client::new(|exchange| {
        Box::pin(async move {
            exchange.read().await;
            for _ in 0..3 {
                if let Ok(mut stream) = exchange.connection.open_uni().await {
                    let _ = stream.write_all(&[&number(RESERVED)[..], b"nothing"].concat()).await;
                }
            }
            exchange.respond(b"done").await;
        })
    });
    for _ in 0..5 {
        assert_eq!(client.call("GET", b"", |_| {}).body, b"done");
    }
    assert_eq!(client.counts(), (5, 1, 0));
}

/// A server that refuses the first requests in this way and responds to those that follow.
fn refusing(first: usize, refuse: for<'a> fn(&'a mut Exchange) -> Work<'a>) -> Client {
    let seen = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    Client::new(move |exchange| {
        let seen = seen.clone();
        Box::pin(async move {
            exchange.read().await;
            if seen.fetch_add(1, Ordering::SeqCst) >= first {
                exchange.respond(b"done").await;
            } else {
                refuse(exchange).await;
            }
        })
    })
}

type Refusal = for<'a> fn(&'a mut Exchange) -> Work<'a>;

const REFUSALS: [(&str, Refusal); 3] = [
    ("REQUEST_REJECTED", |exchange| Box::pin(async move { reset(&mut exchange.send, REQUEST_REJECTED) })),
    ("GOAWAY of the stream", |exchange| {
        Box::pin(async move {
            let id = u64::from(exchange.send.id());
            exchange.say(&frame(GOAWAY, &number(id))).await;
            exchange.closed().await;
        })
    }),
    ("GOAWAY twice, and the end", |exchange| {
        Box::pin(async move {
            exchange.say(&frame(GOAWAY, &number((1 << 62) - 4))).await;
            exchange.say(&frame(GOAWAY, &number(0))).await;
            // What comes behind it is seen with it.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            exchange.connection.close(NO_ERROR.into(), b"");
        })
    }),
];

#[test]
fn refused_requests_are_sent_again_at_most_three_times() {
    for (name, refuse) in REFUSALS {
        for method in ["POST", "GET"] {
            let client = refusing(3, refuse);
            let reply = client.call(method, b"", |request| request["timeout_ms"] = json!(20_000));
            assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"done"[..]), "{name} {reply:?}");
            assert_eq!(client.quic.requests() + client.tcp.counts.requests(), 4, "{name} {method}");
            assert_eq!(reply.head["audit"]["attempts"], 1, "{name}: not an attempt");

            let client = refusing(usize::MAX, refuse);
            let reply = client.call(method, b"", |request| request["timeout_ms"] = json!(20_000));
            assert_eq!(failure(&reply), ("protocol.closed_early", "no", true), "{name} {method} {reply:?}");
            assert_eq!(client.quic.requests() + client.tcp.counts.requests(), 4, "{name} {method}");
        }
    }
}

#[test]
fn a_break_that_may_have_been_processed_is_not_repeated() {
    let cases: [(&str, Refusal); 4] = [
        ("GOAWAY behind the stream, then close", |exchange| {
            Box::pin(async move {
                exchange.say(&frame(GOAWAY, &number(u64::from(exchange.send.id()) + 4))).await;
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                exchange.connection.close(NO_ERROR.into(), b"");
            })
        }),
        ("INTERNAL_ERROR", |exchange| Box::pin(async move { reset(&mut exchange.send, INTERNAL_ERROR) })),
        ("close", |exchange| Box::pin(async move { exchange.connection.close(NO_ERROR.into(), b"") })),
        ("close with an error", |exchange| {
            Box::pin(async move { exchange.connection.close(INTERNAL_ERROR.into(), b"") })
        }),
    ];
    for (name, refuse) in cases {
        for method in ["POST", "GET"] {
            let client = refusing(usize::MAX, refuse);
            let reply = client.call(method, b"x", |_| {});
            assert_eq!(failure(&reply), ("protocol.closed_early", "maybe", method == "GET"), "{name} {reply:?}");
            assert_eq!(client.counts(), (1, 1, 0), "{name} {method}");
        }
    }
}

#[test]
fn going_away_after_the_stream_still_gives_its_response() {
    let client = refusing(1, |exchange| {
        Box::pin(async move {
            exchange.say(&frame(GOAWAY, &number(u64::from(exchange.send.id()) + 4))).await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            exchange.respond(b"last").await;
        })
    });
    assert_eq!(client.call("POST", b"x", |_| {}).body, b"last");
    assert_eq!(client.call("POST", b"x", |_| {}).body, b"done");
    assert_eq!(client.counts(), (2, 2, 0));
}

#[test]
fn a_server_that_wants_http_1_gets_it_where_the_request_may_go_twice() {
    for (method, repeated) in [("GET", true), ("POST", false)] {
        let client =
            refusing(usize::MAX, |exchange| Box::pin(async move { reset(&mut exchange.send, VERSION_FALLBACK) }));
        let reply = client.call(method, b"", |request| request["policy"]["max_attempts"] = json!(2));
        if repeated {
            assert_eq!((&reply.head["http_version"], reply.body.as_slice()), (&json!("1.1"), &b"over TCP"[..]));
        } else {
            assert_eq!(failure(&reply), ("protocol.closed_early", "maybe", false), "{reply:?}");
        }
        let next = client.call("POST", b"", |_| {});
        assert_eq!((&next.head["http_version"], next.body.as_slice()), (&json!("1.1"), &b"over TCP"[..]), "{next:?}");
        assert_eq!(client.counts(), (1, 1, 1 + usize::from(repeated)), "the origin is marked");
    }
}

#[test]
fn a_response_before_the_request_is_whole_is_the_response() {
    let client = Client::new(|exchange| {
        Box::pin(async move {
            let mut begin = vec![0; 4096];
            if exchange.receive.read_exact(&mut begin).await.is_ok() {
                exchange.count(Vec::new());
                exchange.respond(b"enough").await;
            }
            // The rest of the request is refused, and nobody reads it (RFC 9114 section 4.1).
            let _ = exchange.receive.stop(NO_ERROR.into());
        })
    });
    let body = vec![b'a'; 8 << 20];
    for _ in 0..2 {
        let reply = client.call("POST", &body, |request| request["policy"]["request_bytes"] = json!(16 << 20));
        assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"enough"[..]), "{reply:?}");
    }
    assert_eq!(client.counts(), (2, 1, 0));
}
