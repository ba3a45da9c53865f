//! Bombs stop at the cap with bounded memory. The only test of its process: it measures the whole of it.

mod support;

use serde_json::{Value, json};
use support::client::raw;
use support::coding::encode;
use support::peak;

const MEMBER: usize = 8 << 20;
const MEMBERS: usize = 64;
/// What a cap of a megabyte may cost: body, window of every decoder, buffers of the connection and of the server here.
const ROOM: u64 = 24 << 10;

#[test]
fn bombs_of_every_coding_and_stacked() {
    let zeros = vec![0; MEMBER];
    let gzip = encode("gzip", &zeros).repeat(MEMBERS);
    let zstd = encode("zstd", &zeros).repeat(MEMBERS);
    // A brotli stream has no members, but zeros in another coding are long runs again.
    let brotli = encode("br", &zeros.repeat(4));
    drop(zeros);
    let cases = [
        ("gzip, gzip", encode("gzip", &gzip)),
        ("gzip, br", encode("br", &gzip)),
        ("zstd, gzip", encode("gzip", &zstd)),
        ("br, zstd", encode("zstd", &brotli)),
        ("gzip", gzip),
        ("zstd", zstd),
        ("br", brotli),
    ];
    for (coding, body) in cases {
        assert!(body.len() < 8 << 20, "{coding} of {} bytes is no bomb", body.len());
        let length = body.len();
        let mut answer = format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\n\r\n").into_bytes();
        answer.extend(body);
        let client = raw(answer);
        let capped = |request: &mut Value| request["policy"]["response_bytes"] = json!(1 << 20);
        let (reply, cost) = peak::cost(|| client.call("GET", b"", capped));
        assert_eq!((reply.code(), reply.sent()), ("response.too_large", "yes"), "{coding}: {reply:?}");
        assert!(cost < ROOM, "{coding} cost {cost} KiB");
        assert!(reply.head["audit"]["bytes_in"].as_u64().is_some_and(|bytes| bytes <= length as u64));
        println!("{coding}: {length} bytes on the wire at most, {cost} KiB");
    }
}
