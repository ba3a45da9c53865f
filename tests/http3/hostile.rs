//! A hostile server, over HTTP/3: every attack ends in a known error, inside the deadline and with bounded memory. Those that are alike
//! over HTTP/2 have the names that they have in `tests/hostile/http2.rs`.

use std::time::Duration;

use serde_json::json;

use crate::hostile_connection;
use crate::servers::{
    Client, DATA, EARLY, Exchange, HEADERS, INTERNAL_ERROR, OK, SETTINGS, Work, fields, frame, number, reset,
};
use crate::support::alone;
use crate::support::peak;

/// Memory for the limits of a head and of a body of 64 KiB, with the windows and the buffers of the connection, and 10 MiB that the server
/// here, which is in this process, keeps of what it sends.
const ROOM: u64 = 24 << 10;

/// The deadline that ends attacks which have no end of their own. The others end before any deadline.
pub const SOON: u64 = 600;
pub const NEVER: u64 = 10_000;

const PUSH_PROMISE: u64 = 5;
/// Reserved types, which mean nothing (RFC 9114 section 7.2.8).
pub const RESERVED: u64 = 0x21;

pub type Attack = for<'a> fn(&'a mut Exchange) -> Work<'a>;

/// The begin of a frame whose length says 1 GiB.
pub fn endless(kind: u64) -> Vec<u8> {
    [number(kind), number(1 << 30)].concat()
}

pub fn ok() -> Vec<u8> {
    frame(HEADERS, OK)
}

pub const INVALID: &[&str] = &["protocol.invalid"];

const ATTACKS: &[(&str, u64, &[&str], Attack)] = &[
    ("100 000 fields", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let block = fields(&[("x-a", b"a")]);
            let fields = [OK, &block[2..].repeat(100_000)].concat();
            exchange.write(&frame(HEADERS, &fields)).await;
        })
    }),
    ("a head without end", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&endless(HEADERS)).await;
            exchange.endlessly(&[0; 4096]).await;
        })
    }),
    ("a string without end", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            // A literal that declares a value of 2 MB, in a frame that ends before.
            let head = [OK, &[0x21, b'x', 0x7f, 0x81, 0xff, 0x7f], &[b'a'; 4096]].concat();
            exchange.write(&frame(HEADERS, &head)).await;
        })
    }),
    ("one field by many references", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            // The longest of the table that is always there, 85: content-security-policy.
            let head = [OK, &[0xff, 22].repeat(12_000)].concat();
            exchange.write(&frame(HEADERS, &head)).await;
        })
    }),
    ("a reference to nothing", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&frame(HEADERS, &[0, 0, 0xff, 0x7f])).await;
        })
    }),
    ("a reference to a table that nobody has", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&frame(HEADERS, &[2, 0, 0xd9, 0x80])).await;
        })
    }),
    ("trailers without end", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&[ok(), endless(HEADERS)].concat()).await;
            exchange.endlessly(&[0; 4096]).await;
        })
    }),
    ("a head after the end", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let trailer = frame(HEADERS, &fields(&[("x-a", b"a")]));
            exchange.write(&[ok(), trailer.clone(), trailer].concat()).await;
        })
    }),
    ("data after the end", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let trailer = frame(HEADERS, &fields(&[("x-a", b"a")]));
            exchange.write(&[ok(), trailer, frame(DATA, b"a")].concat()).await;
        })
    }),
    ("a reset", NEVER, &["protocol.closed_early"], |exchange| {
        Box::pin(async move {
            exchange.write(&[ok(), frame(DATA, b"a")].concat()).await;
            reset(&mut exchange.send, INTERNAL_ERROR);
        })
    }),
    ("such frames before the head", NEVER, INVALID, |exchange| {
        Box::pin(async move { exchange.endlessly(&frame(RESERVED, &[0; 4096])).await })
    }),
    ("such frames after the head", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&ok()).await;
            exchange.endlessly(&frame(RESERVED, &[0; 4096])).await;
        })
    }),
    ("empty ones after the head", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&ok()).await;
            exchange.endlessly(&frame(RESERVED, b"").repeat(1000)).await;
        })
    }),
    ("one of them without end", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&endless(RESERVED)).await;
            exchange.endlessly(&[0; 4096]).await;
        })
    }),
    ("empty data without end", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&ok()).await;
            exchange.endlessly(&frame(DATA, b"").repeat(1000)).await;
        })
    }),
    ("more data than the policy takes", NEVER, &["response.too_large"], |exchange| {
        Box::pin(async move {
            exchange.write(&[ok(), endless(DATA)].concat()).await;
            exchange.endlessly(&[b'a'; 16_384]).await;
        })
    }),
    ("data of one byte without end", NEVER, &["response.too_large"], |exchange| {
        Box::pin(async move {
            exchange.write(&ok()).await;
            exchange.endlessly(&frame(DATA, b"a").repeat(1000)).await;
        })
    }),
    ("data before a head", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&frame(DATA, b"a")).await;
        })
    }),
    ("a promise of a push", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&frame(PUSH_PROMISE, &[0, 0, 0, 0xd1])).await;
        })
    }),
    ("frames of HTTP/2 on the request's stream", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&frame(6, b"12345678")).await;
        })
    }),
    ("settings on the request's stream", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&frame(SETTINGS, b"")).await;
        })
    }),
    ("half a frame", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&[1, 9, 0, 0]).await;
        })
    }),
    ("nothing at all", NEVER, INVALID, |_| Box::pin(async move {})),
    ("no status", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&frame(HEADERS, &fields(&[("a", b"b")]))).await;
        })
    }),
    ("a connection's own field", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let head = fields(&[(":status", b"200"), ("transfer-encoding", b"chunked")]);
            exchange.write(&frame(HEADERS, &head)).await;
        })
    }),
    ("lengths that contradict each other", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let head = fields(&[(":status", b"200"), ("content-length", b"1"), ("content-length", b"2")]);
            exchange.write(&[frame(HEADERS, &head), frame(DATA, b"a")].concat()).await;
        })
    }),
    ("a length that is none", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let head = fields(&[(":status", b"200"), ("content-length", b"+1")]);
            exchange.write(&[frame(HEADERS, &head), frame(DATA, b"a")].concat()).await;
        })
    }),
    ("trailers with a connection's own field", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let trailer = frame(HEADERS, &fields(&[("connection", b"close")]));
            exchange.write(&[ok(), frame(DATA, b"a"), trailer].concat()).await;
        })
    }),
    ("half a frame of no known kind", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&[&ok()[..], &[0x21, 9, 0]].concat()).await;
        })
    }),
    ("a name in capitals", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&frame(HEADERS, &fields(&[(":status", b"200"), ("X-A", b"b")]))).await;
        })
    }),
    ("a line within a value", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            exchange.write(&frame(HEADERS, &fields(&[(":status", b"200"), ("x-a", b"b\r\nc: d")]))).await;
        })
    }),
    ("interim responses with long heads, without end", NEVER, INVALID, |exchange| {
        Box::pin(async move {
            let head = [EARLY, &fields(&[("link", &[b'a'; 30_000])])[2..]].concat();
            exchange.endlessly(&frame(HEADERS, &head)).await;
        })
    }),
    ("a body that drips", SOON, &["timeout.total"], |exchange| {
        Box::pin(async move {
            exchange.write(&ok()).await;
            while exchange.write(&frame(DATA, b"a")).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    }),
];

#[test]
fn attacks_end_in_a_known_error_with_bounded_memory() {
    alone::in_own_process("attacks_end_in_a_known_error_with_bounded_memory", || {
        let mut wrong = Vec::new();
        for (name, deadline, codes, attack) in ATTACKS.iter().chain(hostile_connection::ATTACKS) {
            let client = Client::new(move |exchange| {
                Box::pin(async move {
                    if exchange.read().await.is_some() {
                        attack(exchange).await;
                        let _ = exchange.send.finish();
                        // The connection stays, so that the client judges what was written and not the end of the connection.
                        exchange.closed().await;
                    }
                })
            });
            let (reply, cost) = peak::cost(|| {
                client.call("POST", b"once", |request| {
                    request["policy"]["response_bytes"] = json!(64 << 10);
                    request["timeout_ms"] = json!(deadline);
                })
            });
            println!(
                "{name}: {} {}, {cost} KiB, {} us",
                reply.code(),
                reply.sent(),
                reply.head["audit"]["duration_us"]
            );
            let is_known = codes.contains(&reply.code()) && ["maybe", "yes"].contains(&reply.sent());
            if !is_known || client.counts() != (1, 1, 0) || cost >= ROOM {
                wrong.push(format!("{name}: {cost} KiB, {:?} {}", client.counts(), reply.head["error"]));
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    });
}
