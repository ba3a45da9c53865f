//! A hostile server, over HTTP/2: every attack ends in a known error, inside the deadline and with bounded memory.

use serde_json::json;

use crate::support::alone;
use crate::support::client::Client;
use crate::support::h2::{
    CONTINUATION, Connection, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, block,
};
use crate::support::peak;

/// Memory for the limits of a head and of a body of 64 KiB, with the windows and the buffers of the connection and of the
/// server here.
const ROOM: u64 = 8 << 10;

/// The deadline that ends attacks which have no end of their own. The others end before any deadline.
const SOON: u64 = 600;
const NEVER: u64 = 60_000;

type Attack = fn(&mut Connection<'_, '_>, u32) -> bool;

const OK: &[(&str, &[u8])] = &[(":status", b"200")];

/// Writes the same frame until the other side is gone.
fn endlessly(connection: &mut Connection<'_, '_>, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
    while connection.frame(kind, flags, stream, payload) {}
    false
}

/// A field that enters the dynamic table (RFC 7541 section 6.2.1), and very many references to it: a kilobyte of the block
/// stands for four megabytes of fields.
fn references() -> Vec<u8> {
    let mut block = [&[0x88, 0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'a'; 4000]].concat();
    block.extend([0xbe; 12_000]);
    block
}

const ATTACKS: [(&str, u64, &[&str], Attack); 24] = [
    ("100 000 fields", NEVER, &["protocol.invalid"], |connection, stream| {
        let fields = block(&[("x-a", b"a")]).repeat(1000);
        connection.frame(HEADERS, 0, stream, &block(OK))
            && (0..100).all(|_| connection.frame(CONTINUATION, 0, stream, &fields))
            && connection.frame(CONTINUATION, END_HEADERS, stream, &[])
    }),
    ("continuations without end", NEVER, &["protocol.invalid"], |connection, stream| {
        let fields = block(&[("x-a", b"a")]).repeat(1000);
        connection.frame(HEADERS, 0, stream, &block(OK)) && endlessly(connection, CONTINUATION, 0, stream, &fields)
    }),
    ("empty continuations without end", NEVER, &["protocol.invalid"], |connection, stream| {
        connection.frame(HEADERS, 0, stream, &block(OK)) && endlessly(connection, CONTINUATION, 0, stream, &[])
    }),
    ("a string without end", NEVER, &["protocol.invalid"], |connection, stream| {
        // A literal that declares a value of 2 MB.
        let begin = [&[0x88, 0, 1, b'x', 0x7f, 0x81, 0xff, 0x7f][..], &[b'a'; 4096]].concat();
        connection.frame(HEADERS, 0, stream, &begin) && endlessly(connection, CONTINUATION, 0, stream, &[b'a'; 4096])
    }),
    ("one field by many references", NEVER, &["protocol.invalid"], |connection, stream| {
        let block = references();
        let (first, rest) = block.split_at(16_000);
        connection.frame(HEADERS, 0, stream, first) && connection.frame(CONTINUATION, END_HEADERS, stream, rest)
    }),
    ("a reference to nothing", NEVER, &["protocol.invalid"], |connection, stream| {
        connection.frame(HEADERS, END_HEADERS, stream, &[0x88, 0xff, 0x80, 0x80, 0x80, 0x08])
    }),
    ("a table beyond its limit", NEVER, &["protocol.invalid"], |connection, stream| {
        connection.frame(HEADERS, END_HEADERS, stream, &[0x3f, 0xe1, 0xff, 0xff, 0x7f, 0x88])
    }),
    ("trailers without end", NEVER, &["protocol.invalid"], |connection, stream| {
        let fields = block(&[("x-a", b"a")]).repeat(1000);
        connection.head(stream, OK, false)
            && connection.frame(HEADERS, END_STREAM, stream, &fields)
            && endlessly(connection, CONTINUATION, 0, stream, &fields)
    }),
    ("resets without end", NEVER, &["protocol.closed_early"], |connection, stream| {
        endlessly(connection, RST_STREAM, 0, stream, &1_u32.to_be_bytes())
    }),
    ("resets of streams that never were", NEVER, &["protocol.invalid"], |connection, _| {
        endlessly(connection, RST_STREAM, 0, 99, &1_u32.to_be_bytes())
    }),
    ("settings without end", NEVER, &["protocol.invalid"], |connection, _| {
        endlessly(connection, SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff].repeat(100))
    }),
    ("settings of a wrong size", NEVER, &["protocol.invalid"], |connection, _| {
        connection.frame(SETTINGS, 0, 0, b"12345")
    }),
    ("pings without end", NEVER, &["protocol.invalid"], |connection, _| endlessly(connection, PING, 0, 0, b"12345678")),
    ("windows that overflow", NEVER, &["protocol.invalid"], |connection, _| {
        endlessly(connection, WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes())
    }),
    ("priorities without end", NEVER, &["protocol.invalid"], |connection, _| {
        endlessly(connection, PRIORITY, 0, 3, &[0, 0, 0, 0, 1])
    }),
    ("frames of no known kind without end", NEVER, &["protocol.invalid"], |connection, _| {
        endlessly(connection, 0xee, 0, 0, &[0; 4096])
    }),
    ("empty data without end", NEVER, &["protocol.invalid"], |connection, stream| {
        connection.head(stream, OK, false) && endlessly(connection, DATA, 0, stream, &[])
    }),
    ("data beyond the window", NEVER, &["protocol.invalid", "response.too_large"], |connection, stream| {
        connection.head(stream, OK, false) && endlessly(connection, DATA, 0, stream, &[b'a'; 16_384])
    }),
    ("data before a head", NEVER, &["protocol.invalid"], |connection, stream| connection.data(stream, b"a", true)),
    ("a pushed response", NEVER, &["protocol.invalid"], |connection, stream| {
        let promise = [&2_u32.to_be_bytes()[..], &block(&[(":method", b"GET")])].concat();
        connection.frame(PUSH_PROMISE, END_HEADERS, stream, &promise)
    }),
    ("a frame beyond its size", NEVER, &["protocol.invalid"], |connection, stream| {
        connection.head(stream, OK, false) && connection.frame(DATA, 0, stream, &[b'a'; 20_000])
    }),
    ("a head after the end", NEVER, &["protocol.invalid"], |connection, stream| {
        // Trailers that do not end the stream (RFC 9113 section 8.1).
        connection.head(stream, OK, false) && connection.head(stream, &[("x-a", b"a")], false)
    }),
    ("interim responses with long heads, without end", NEVER, &["protocol.invalid"], |connection, stream| {
        while connection.head(stream, &[(":status", b"103"), ("link", &[b'a'; 30_000])], false) {}
        false
    }),
    ("a body that drips", SOON, &["timeout.total"], |connection, stream| {
        connection.head(stream, OK, false);
        while connection.data(stream, b"a", false) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        false
    }),
];

#[test]
fn attacks_end_in_a_known_error_with_bounded_memory() {
    alone::in_own_process("attacks_end_in_a_known_error_with_bounded_memory", || {
        for (name, deadline, codes, attack) in ATTACKS {
            let client = Client::http2(move |connection| {
                let Some(stream) = connection.request() else { return false };
                attack(connection, stream);
                // The connection stays open, so that the client judges what was written and not the end of the connection.
                while connection.peer.take(1).is_some() {}
                false
            });
            let (reply, cost) = peak::cost(|| {
                client.call("POST", b"once", |request| {
                    request["policy"]["response_bytes"] = json!(64 << 10);
                    request["timeout_ms"] = json!(deadline);
                })
            });
            println!("{name}: {}, {cost} KiB, {} us", reply.code(), reply.head["audit"]["duration_us"]);
            assert!(codes.contains(&reply.code()), "{name}: {reply:?}");
            assert_eq!(client.counts().requests(), 1, "{name}");
            assert!(["maybe", "yes"].contains(&reply.sent()), "{name}: {reply:?}");
            assert!(cost < ROOM, "{name} cost {cost} KiB");
        }
    });
}
