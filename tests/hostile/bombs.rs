//! Decompression bombs are stopped at the limit of the body, with bounded memory, whatever window size they declare. A length that is only
//! announced takes none.

use serde_json::{Value, json};

use crate::support::client::{Client, raw};
use crate::support::coding::{encode, vectors};
use crate::support::{alone, base64, peak};

const MEMBER: usize = 8 << 20;
const MEMBERS: usize = 64;
/// Memory for a limit of a megabyte: the body, the window of every decoder, and buffers of the connection and of the server here.
const ROOM: u64 = 24 << 10;
/// The largest window of brotli, which a decoder fills before it returns any byte.
const WINDOW: u64 = 16 << 10;

#[test]
fn bombs_of_every_coding_and_stacked() {
    alone::in_own_process("bombs_of_every_coding_and_stacked", || {
        generated();
        largest_windows();
        illegal_windows();
    });
}

fn generated() {
    let zeros = vec![0; MEMBER];
    let gzip = encode("gzip", &zeros).repeat(MEMBERS);
    let zstd = encode("zstd", &zeros).repeat(MEMBERS);
    // A brotli stream has no members that could be repeated, but compressed zeros compress well again.
    let brotli = encode("br", &zeros.repeat(4));
    drop(zeros);
    let cases = [
        ("gzip, gzip", encode("gzip", &gzip)),
        ("gzip, br", encode("br", &gzip)),
        ("zstd, gzip", encode("gzip", &zstd)),
        ("br, zstd", encode("zstd", &brotli)),
        ("gzip, deflate", encode("deflate", &gzip)),
        ("gzip", gzip),
        ("zstd", zstd),
        ("br", brotli),
    ];
    for (coding, body) in cases {
        assert!(body.len() < 8 << 20, "{coding} of {} bytes is no bomb", body.len());
        stops(coding, coding, &body, "response.too_large", ROOM);
    }
}

fn largest_windows() {
    let vectors = vectors();
    for bomb in vectors["bombs"].as_array().expect("bombs").iter().filter(|bomb| bomb["largest_window"] == true) {
        let coding = bomb["coding"].as_str().expect("a text");
        let windows = coding.split(',').count() as u64;
        let body = base64(bomb["body_base64"].as_str().expect("a text"));
        stops(
            &format!("{coding} with its largest window"),
            coding,
            &body,
            "response.too_large",
            ROOM + windows * WINDOW,
        );
    }
}

fn illegal_windows() {
    for case in vectors()["illegal_windows"].as_array().expect("cases") {
        let [name, coding, body] = ["name", "coding", "body_base64"].map(|key| case[key].as_str().expect("a text"));
        let body = base64(body);
        stops(name, coding, &body, "response.decoding_failed", ROOM);
        let outer = encode("gzip", &body);
        stops(&format!("{name}, in gzip"), &format!("{coding}, gzip"), &outer, "response.decoding_failed", ROOM);
    }
}

#[test]
fn a_length_that_is_only_announced() {
    const ANNOUNCED: usize = 256 << 20;
    alone::in_own_process("a_length_that_is_only_announced", || {
        let http1 = raw(format!("HTTP/1.1 200 OK\r\ncontent-length: {ANNOUNCED}\r\n\r\na"));
        let http2 = Client::http2(|connection| {
            if let Some(stream) = connection.request() {
                let length = ANNOUNCED.to_string();
                connection.head(stream, &[(":status", b"200"), ("content-length", length.as_bytes())], false);
                connection.data(stream, b"a", false);
            }
            false
        });
        for (name, client) in [("HTTP/1.1", http1), ("HTTP/2", http2)] {
            let allowed = |request: &mut Value| request["policy"]["response_bytes"] = json!(ANNOUNCED);
            let (reply, cost) = peak::cost(|| client.call("GET", b"", allowed));
            assert_eq!((reply.code(), reply.sent()), ("protocol.closed_early", "yes"), "{name}: {reply:?}");
            assert!(cost < ROOM, "{name}: cost {cost} KiB");
        }
    });
}

/// A call whose response has this body and coding ends with this code, and takes less memory than this many KiB.
fn stops(name: &str, coding: &str, body: &[u8], code: &str, room: u64) {
    let mut response = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\n\r\n").into_bytes();
    response.extend(body);
    let client = raw(response);
    let capped = |request: &mut Value| request["policy"]["response_bytes"] = json!(1 << 20);
    let (reply, cost) = peak::cost(|| client.call("GET", b"", capped));
    assert_eq!((reply.code(), reply.sent()), (code, "yes"), "{name}: {reply:?}");
    assert!(cost < room, "{name} cost {cost} KiB");
    assert!(reply.head["audit"]["bytes_in"].as_u64().is_some_and(|bytes| bytes <= body.len() as u64));
    println!("{name}: {} bytes on the wire at most, {cost} KiB", body.len());
}
