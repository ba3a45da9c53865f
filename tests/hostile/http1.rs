//! A hostile server, over HTTP/1.1: every attack ends in a known error, inside the deadline and with bounded memory.

use serde_json::json;

use crate::support::alone;
use crate::support::client::Client;
use crate::support::peak;
use crate::support::server::Peer;

/// Memory for the limits of a head and of a body of 64 KiB, with the buffers of the connection and of the server here.
const ROOM: u64 = 8 << 10;
const OK: &str = "HTTP/1.1 200 OK\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

type Attack = fn(&mut Peer<'_>) -> bool;

/// The deadline that ends attacks which have no end of their own. The others end before any deadline.
const SOON: u64 = 600;
const NEVER: u64 = 60_000;

/// Writes the same until the other side is gone.
fn endlessly(peer: &mut Peer<'_>, bytes: &[u8]) -> bool {
    while peer.write(bytes) {}
    false
}

/// Writes the same so many times. The memory of this process is measured, so the server must not hold all of it.
fn often(peer: &mut Peer<'_>, times: usize, bytes: &[u8]) -> bool {
    (0..times).all(|_| peer.write(bytes))
}

/// Writes a byte now and then until the other side is gone.
fn slowly(peer: &mut Peer<'_>, bytes: &[u8]) -> bool {
    while peer.write(bytes) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    false
}

const ATTACKS: [(&str, u64, &str, Attack); 19] = [
    ("100 000 fields", NEVER, "protocol.invalid", |peer| {
        peer.write(OK) && often(peer, 1000, &b"x-a: a\r\n".repeat(100)) && peer.write("\r\n")
    }),
    ("a field of 10 MB", NEVER, "protocol.invalid", |peer| {
        peer.write(OK) && peer.write("x-a: ") && often(peer, 10 << 10, &[b'a'; 1024]) && peer.write("\r\n\r\n")
    }),
    ("a name without end", NEVER, "protocol.invalid", |peer| peer.write(OK) && endlessly(peer, &[b'a'; 4096])),
    ("a reason without end", NEVER, "protocol.invalid", |peer| {
        peer.write("HTTP/1.1 200 ") && endlessly(peer, &[b'a'; 4096])
    }),
    ("empty lines without end", NEVER, "protocol.invalid", |peer| endlessly(peer, &b"\r\n".repeat(2048))),
    ("interim responses with long heads, without end", NEVER, "protocol.invalid", |peer| {
        let head = format!("HTTP/1.1 103 Early Hints\r\nlink: {}\r\n\r\n", "a".repeat(30_000));
        endlessly(peer, head.as_bytes())
    }),
    ("a chunk extension without end", NEVER, "protocol.invalid", |peer| {
        peer.write(CHUNKED) && peer.write("1;") && endlessly(peer, &[b'a'; 4096])
    }),
    ("a long extension on every chunk", NEVER, "protocol.invalid", |peer| {
        let chunk = format!("1;{}\r\na\r\n", "b".repeat(4000));
        peer.write(CHUNKED) && endlessly(peer, chunk.as_bytes())
    }),
    ("a chunk length that overflows", NEVER, "protocol.invalid", |peer| {
        peer.write(CHUNKED) && endlessly(peer, b"ffffffffffffffff")
    }),
    ("trailers without end", NEVER, "protocol.invalid", |peer| {
        peer.write(CHUNKED) && peer.write("0\r\n") && endlessly(peer, &b"x-a: a\r\n".repeat(512))
    }),
    ("a length of 1 EB", NEVER, "response.too_large", |peer| {
        peer.write(OK) && peer.write("content-length: 1152921504606846976\r\n\r\n") && endlessly(peer, &[b'a'; 4096])
    }),
    ("a body without end", NEVER, "response.too_large", |peer| {
        peer.write(OK) && peer.write("\r\n") && endlessly(peer, &[b'a'; 4096])
    }),
    ("chunks of one byte without end", NEVER, "response.too_large", |peer| {
        peer.write(CHUNKED) && endlessly(peer, &b"1\r\na\r\n".repeat(512))
    }),
    ("a name that is not ASCII", NEVER, "protocol.invalid", |peer| {
        peer.write(OK) && peer.write(b"x-\xff\xfe: a\r\ncontent-length: 0\r\n\r\n")
    }),
    ("a field split by a lone return", NEVER, "protocol.invalid", |peer| {
        peer.write(OK) && peer.write("x-a: a\rset-cookie: b\r\ncontent-length: 0\r\n\r\n")
    }),
    ("a head that drips", SOON, "timeout.total", |peer| peer.write(OK) && slowly(peer, b"x")),
    ("a body that drips", SOON, "timeout.total", |peer| peer.write(OK) && peer.write("\r\n") && slowly(peer, b"x")),
    ("chunk lengths that drip zeros", SOON, "timeout.total", |peer| peer.write(CHUNKED) && slowly(peer, b"0")),
    ("silence", SOON, "timeout.total", |peer| {
        peer.take(1);
        false
    }),
];

#[test]
fn attacks_end_in_a_known_error_with_bounded_memory() {
    alone::in_own_process("attacks_end_in_a_known_error_with_bounded_memory", || {
        for (name, deadline, code, attack) in ATTACKS {
            let client = Client::http1(move |peer| peer.read().is_some() && attack(peer));
            let (reply, cost) = peak::cost(|| {
                client.call("POST", b"once", |request| {
                    request["policy"]["response_bytes"] = json!(64 << 10);
                    request["timeout_ms"] = json!(deadline);
                })
            });
            println!("{name}: {}, {cost} KiB, {} us", reply.code(), reply.head["audit"]["duration_us"]);
            assert_eq!(reply.code(), code, "{name}: {reply:?}");
            assert_eq!(client.counts().requests(), 1, "{name}");
            assert!(["maybe", "yes"].contains(&reply.sent()), "{name}: {reply:?}");
            assert!(cost < ROOM, "{name} cost {cost} KiB");
            // After every attack the engine closes the connection.
            assert!(client.counts().wait_closed(1), "{name}: the connection stays open");
        }
    });
}
