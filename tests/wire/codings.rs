//! Content codings of responses: which are decoded, which are refused, and the limit of decoded bodies.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support;
use crate::support::client::{Client, raw};
use crate::support::coding::{bare_deflate, encode, vectors};
use crate::support::library::Reply;

const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];
const TEXT: &[u8] = b"a body that is worth its coding, a body that is worth its coding";

/// A server whose responses have this coding and body.
fn coded(coding: &str, body: &[u8]) -> Client {
    let mut response =
        format!("HTTP/1.1 201 Created\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n", body.len())
            .into_bytes();
    response.extend(body);
    raw(response)
}

fn cap(bytes: usize) -> impl Fn(&mut Value) {
    move |request| request["policy"]["response_bytes"] = json!(bytes)
}

fn fields(reply: &Reply) -> Vec<&str> {
    let fields = reply.head["headers"].as_array().expect("fields");
    fields.iter().map(|field| field[0].as_str().expect("a name")).collect()
}

fn refused(reply: &Reply, code: &str, name: &str) {
    assert_eq!((reply.code(), reply.sent()), (code, "yes"), "{name}: {reply:?}");
    assert_eq!((&reply.head["error"]["http_status"], &reply.head["audit"]["status"]), (&json!(201), &json!(201)));
    assert!(reply.body.is_empty(), "{name}");
    assert_eq!(reply.head["error"]["retryable"], false, "{name}");
}

#[test]
fn codings_are_undone_in_any_case_and_two_deep() {
    let twice = |first, second| encode(second, &encode(first, TEXT));
    let mut cases = vec![
        ("x-gzip".to_owned(), encode("gzip", TEXT)),
        ("GZIP".to_owned(), encode("gzip", TEXT)),
        ("Br".to_owned(), encode("br", TEXT)),
        (" zStd ,".to_owned(), encode("zstd", TEXT)),
        ("identity, gzip".to_owned(), encode("gzip", TEXT)),
        ("Deflate".to_owned(), bare_deflate(TEXT)),
        ("gzip, deflate".to_owned(), bare_deflate(&encode("gzip", TEXT))),
        ("deflate, br".to_owned(), encode("br", &bare_deflate(TEXT))),
    ];
    cases.extend(CODINGS.map(|coding| (coding.to_owned(), encode(coding, TEXT))));
    for first in CODINGS {
        cases.extend(CODINGS.map(|second| (format!("{first}, {second}"), twice(first, second))));
    }
    for (name, body) in cases {
        let reply = coded(&name, &body).get();
        assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(201), TEXT), "{name}: {reply:?}");
        assert_eq!(fields(&reply), [""; 0], "{name}: neither describes the body any more");
        assert_eq!(reply.head["audit"]["bytes_in"], body.len(), "{name}: as on the wire");
    }
    let mut lines = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-encoding: br\r\n\r\n".to_vec();
    lines.extend(twice("gzip", "br"));
    assert_eq!(raw(lines).get().body, TEXT, "two lines are one list");
}

#[test]
fn what_was_not_decoded_keeps_its_fields() {
    for name in ["identity", "none", "UTF-8", "utf-8, identity", ""] {
        let reply = coded(name, TEXT).get();
        let kept = (reply.body.as_slice(), fields(&reply));
        assert_eq!(kept, (TEXT, vec!["content-encoding", "content-length"]), "{name}: {reply:?}");
    }
}

const REFUSED: [&str; 7] = ["compress", "gzip, gzip, gzip", "aws-chunked", "gzip, unknown", "br;q=1", "utf8", "\u{e4}"];

#[test]
fn codings_that_are_refused() {
    let gzip = encode("gzip", TEXT);
    for name in REFUSED {
        refused(&coded(name, &gzip).get(), "response.decoding_failed", name);
    }
}

#[test]
fn a_coded_body_without_a_byte_is_empty() {
    // As in curl and browsers: servers send content-encoding with empty bodies as well.
    for coding in
        ["gzip", "deflate", "br", "zstd", "gzip, br", "zstd, gzip", "none", "UTF-8"].into_iter().chain(REFUSED)
    {
        let reply = coded(coding, b"").get();
        assert_eq!((reply.http_status(), reply.body.len()), (Some(201), 0), "{coding}: {reply:?}");
        let chunked = format!(
            "HTTP/1.1 201 Created\r\ncontent-encoding: {coding}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
        );
        let reply = raw(chunked).get();
        assert_eq!((reply.http_status(), reply.body.len()), (Some(201), 0), "{coding}: {reply:?}");
    }
    assert_eq!(fields(&coded("compress", b"").get()), ["content-encoding", "content-length"], "nothing was undone");
    for coding in CODINGS {
        assert_eq!(coded(coding, &encode(coding, b"")).get().body, b"", "{coding}");
    }
}

#[test]
fn truncated_damaged_and_followed_bodies() {
    for coding in CODINGS {
        let whole = encode(coding, TEXT);
        for length in 1..whole.len() {
            refused(&coded(coding, &whole[..length]).get(), "response.decoding_failed", &format!("{coding} {length}"));
        }
        refused(&coded(coding, TEXT).get(), "response.decoding_failed", coding);
        for garbage in [&b"x"[..], b"\0\0\0\0", b"GET / HTTP/1.1\r\n\r\n"] {
            let name = format!("{coding} and garbage");
            let followed = [&whole, garbage].concat();
            refused(&coded(coding, &followed).get(), "response.decoding_failed", &name);
            for outer in CODINGS {
                let stacked = format!("{coding}, {outer}");
                let reply = coded(&stacked, &encode(outer, &followed)).get();
                refused(&reply, "response.decoding_failed", &format!("{name} in {outer}"));
                let reply = coded(&stacked, &[encode(outer, &whole), garbage.to_vec()].concat()).get();
                refused(&reply, "response.decoding_failed", &format!("{stacked} and garbage"));
            }
        }
    }
}

#[test]
fn a_short_outer_coding_is_noticed_behind_a_whole_inner_one() {
    for outer in CODINGS {
        let mut bytes = encode(outer, &encode("br", TEXT));
        bytes.pop();
        refused(&coded(&format!("br, {outer}"), &bytes).get(), "response.decoding_failed", outer);
    }
}

#[test]
fn members_and_frames_that_follow_each_other() {
    for coding in ["gzip", "zstd"] {
        let twice = encode(coding, TEXT).repeat(2);
        assert_eq!(coded(coding, &twice).get().body, TEXT.repeat(2), "{coding}");
    }
}

#[test]
fn windows() {
    let vectors = vectors();
    let cases = |kind: &str| vectors[kind].as_array().expect("cases").clone();
    let text = |case: &Value, key: &str| case[key].as_str().expect("a text").to_owned();
    for case in cases("largest_windows") {
        let (name, body) = (text(&case, "name"), support::base64(&text(&case, "body_base64")));
        for (coding, body) in
            [(text(&case, "coding"), body.clone()), (format!("{}, gzip", text(&case, "coding")), encode("gzip", &body))]
        {
            let reply = coded(&coding, &body).get();
            let hash = Sha256::digest(&reply.body).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            assert_eq!(hash, text(&case, "sha256"), "{name} {coding}: {reply:?}");
        }
    }
    for case in cases("illegal_windows") {
        let (name, coding) = (text(&case, "name"), text(&case, "coding"));
        let body = support::base64(&text(&case, "body_base64"));
        refused(&coded(&coding, &body).get(), "response.decoding_failed", &name);
        for outer in CODINGS {
            let stacked = coded(&format!("{coding}, {outer}"), &encode(outer, &body));
            refused(&stacked.get(), "response.decoding_failed", &format!("{name} in {outer}"));
        }
        let mut response =
            format!("HTTP/1.1 201 Created\r\ncontent-encoding: {coding}\r\ntransfer-encoding: chunked\r\n\r\n")
                .into_bytes();
        response.extend([b"1\r\n", &body[..1], b"\r\n"].concat());
        response.extend([format!("{:x}\r\n", body.len() - 1).as_bytes(), &body[1..], b"\r\n0\r\n\r\n"].concat());
        refused(
            &raw(response).get(),
            "response.decoding_failed",
            &format!("{name}, the first byte in a piece of its own"),
        );
    }
}

#[test]
fn the_cap_counts_decoded_bytes_exactly() {
    let text = TEXT.repeat(1000);
    for coding in CODINGS {
        let client = coded(coding, &encode(coding, &text));
        assert_eq!(client.call("GET", b"", cap(text.len())).body, text, "{coding}");
        refused(&client.call("GET", b"", cap(text.len() - 1)), "response.too_large", coding);
    }
    // The coded body has the same limit: one that is larger than the decoded body is refused.
    let (stored, text) = (encode("gzip", b"x"), b"x");
    refused(&coded("gzip", &stored).call("GET", b"", cap(text.len())), "response.too_large", "announced");
}

#[test]
fn a_coded_body_that_the_connection_cuts_is_not_a_coding_fault() {
    for coding in CODINGS {
        let whole = encode(coding, TEXT);
        let mut response =
            format!("HTTP/1.1 201 Created\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n", whole.len())
                .into_bytes();
        response.extend(&whole[..whole.len() - 1]);
        assert_eq!(raw(response).post(b"").code(), "protocol.closed_early", "{coding}");
        let mut response = format!("HTTP/1.1 201 Created\r\ncontent-encoding: {coding}\r\n\r\n").into_bytes();
        response.extend(&whole);
        let client = Client::http1(move |peer| {
            peer.read();
            peer.write(&response);
            false
        });
        assert_eq!(client.post(b"").code(), "protocol.closed_early", "{coding}, whole but without close_notify");
    }
}
