//! Heads of responses: their limits, and what is not acceptable HTTP.

use serde_json::{Value, json};

use crate::support::client::{Client, head, http1_head, raw};
use crate::support::h2::{self, Connection};

/// Fields of this many bytes in all, counted as HTTP/1.1 sends them: name, colon, space, value, line end.
fn fields(count: usize, bytes: usize) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<_> = (0..count).map(|number| (format!("x-{number:03}"), Vec::new())).collect();
    let used = count * 9;
    fields[0].1 = vec![b'a'; bytes - used];
    fields
}

#[test]
fn heads_are_limited_exactly_and_alike_on_both_versions() {
    let cases = [
        (99, 65_536 - 19, true),
        (99, 65_536 - 18, false),
        // The counts are without content-length, a field of 19 bytes that is added below.
        (100, 20_000, false),
        (150, 20_000, false),
        (10, 200_000, false),
    ];
    for (count, bytes, passes) in cases {
        let mut fields = fields(count, bytes);
        fields.push(("content-length".to_owned(), b"0".to_vec()));
        for client in [raw(http1_head(&fields)), head(fields.clone())] {
            let reply = client.post(b"");
            let version = reply.head["audit"]["http_version"].clone();
            if passes {
                assert_eq!(reply.http_status(), Some(200), "{version} {count} {bytes}: {}", reply.head["error"]);
                assert_eq!(reply.head["headers"].as_array().map(Vec::len), Some(count + 1));
            } else {
                assert_eq!(reply.code(), "protocol.invalid", "{version} {count} {bytes}");
                assert_ne!(reply.sent(), "no");
                assert_eq!(client.counts().requests(), 1);
            }
        }
    }
}

#[test]
fn a_head_without_end_is_not_kept() {
    let client = Client::http1(|peer| {
        let line = format!("x-a: {}\r\n", "a".repeat(1000));
        let mut written = 0;
        peer.read();
        peer.write("HTTP/1.1 200 OK\r\n");
        while written < 10_000 && peer.write(&line) {
            written += 1;
        }
        assert!(written < 10_000, "10 MB of head were taken");
        false
    });
    assert_eq!(client.get().code(), "protocol.invalid");
}

#[test]
fn responses_that_are_not_acceptable() {
    let long_body = "0123456789";
    let cases = [
        ("101", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_owned()),
        (
            "both lengths",
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 10\r\n\r\n{long_body}"),
        ),
        ("gzip, chunked", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n".to_owned()),
        ("gzip", "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nabc".to_owned()),
        (
            "two chunked",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        ),
        ("chunked in 1.0", "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned()),
        ("099", "HTTP/1.1 099 Low\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("a status of two digits", "HTTP/1.1 20 OK\r\n\r\n".to_owned()),
        ("garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned()),
        ("HTTP/0.9", "<html></html>\r\n\r\n".to_owned()),
        ("another version", "HTTP/3.0 200 OK\r\n\r\n".to_owned()),
        ("obs-fold", "HTTP/1.1 200 OK\r\nx-a: one\r\n two\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("a space before the colon", "HTTP/1.1 200 OK\r\nx-a : one\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("NUL in a value", "HTTP/1.1 200 OK\r\nx-a: o\0e\r\ncontent-length: 0\r\n\r\n".to_owned()),
        ("two lengths", format!("HTTP/1.1 200 OK\r\ncontent-length: 10\r\ncontent-length: 9\r\n\r\n{long_body}")),
        ("a length that is no number", format!("HTTP/1.1 200 OK\r\ncontent-length: 1x\r\n\r\n{long_body}")),
        ("a signed length", format!("HTTP/1.1 200 OK\r\ncontent-length: +10\r\n\r\n{long_body}")),
        ("a negative length", format!("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n{long_body}")),
        ("a bad chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\na\r\n0\r\n\r\n".to_owned()),
    ];
    for (name, response) in cases {
        let client = raw(response);
        let reply = client.post(b"x");
        assert_eq!(reply.code(), "protocol.invalid", "{name}: {reply:?}");
        assert!(["maybe", "yes"].contains(&reply.sent()), "{name}");
        assert_eq!(reply.head["error"]["retryable"], false, "{name}");
        assert_eq!(client.counts().requests(), 1, "{name}");
    }
}

#[test]
fn a_head_that_was_read_and_refused_says_its_status() {
    for (status, response) in [
        (101, "HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n"),
        (201, "HTTP/1.1 201 Created\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    ] {
        let reply = raw(response).post(b"x");
        assert_eq!((reply.code(), reply.sent()), ("protocol.invalid", "yes"));
        assert_eq!(
            (&reply.head["error"]["http_status"], &reply.head["audit"]["status"]),
            (&json!(status), &json!(status))
        );
        assert_eq!(reply.head["status"], Value::Null);
    }
}

#[test]
fn a_status_above_599_is_an_answer() {
    for status in [600, 777, 999] {
        let http1 = raw(format!("HTTP/1.1 {status} High\r\ncontent-length: 4\r\n\r\nbody"));
        let http2 = Client::http2(move |connection| {
            while let Some(stream) = connection.request() {
                connection.head(stream, &[(":status", status.to_string().as_bytes())], false);
                connection.data(stream, b"body", true);
            }
            true
        });
        for client in [http1, http2] {
            let reply = client.post(b"x");
            assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(status), &b"body"[..]), "{reply:?}");
            assert_eq!(reply.head["audit"]["attempt_errors"], json!([format!("http_{status}")]));
        }
    }
}

/// Responds to the request of this stream.
type BadResponse = fn(&mut Connection<'_, '_>, u32);

#[test]
fn a_connection_whose_response_was_not_acceptable_is_not_used_again() {
    let http1 = [
        "HTTP/1.1 201 Created\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nx-a: {}\r\ncontent-length: 0\r\n\r\n", "a".repeat(66_000)),
        "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(101) + "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    ];
    for response in http1 {
        let client = Client::http1(move |peer| {
            while peer.read().is_some() {
                if peer.connection == 0 {
                    peer.write(&response)
                } else {
                    peer.respond("acceptable")
                };
            }
            true
        });
        assert_eq!(client.post(b"x").code(), "protocol.invalid");
        acceptable_on_another(&client);
    }
    let http2: [(&str, BadResponse); 4] = [
        ("no status", |connection, stream| {
            connection.head(stream, &[("a", b"b")], true);
        }),
        ("a length that is none", |connection, stream| {
            connection.head(stream, &[(":status", b"200"), ("content-length", b"x")], false);
            connection.data(stream, b"body", true);
        }),
        ("a head that is too large", |connection, stream| {
            connection.head(stream, &[(":status", b"200"), ("x-a", &[b'a'; 66_000])], true);
        }),
        ("more than was announced", |connection, stream| {
            connection.head(stream, &[(":status", b"200"), ("content-length", b"1")], false);
            connection.data(stream, b"b", false);
            connection.data(stream, b"ody", true);
        }),
    ];
    for (name, bad) in http2 {
        let client = Client::http2(move |connection| {
            while let Some(stream) = connection.request() {
                if connection.peer.connection == 0 {
                    bad(connection, stream);
                } else {
                    connection.respond(stream, "acceptable");
                }
            }
            true
        });
        let reply = client.post(b"x");
        assert_eq!(reply.code(), "protocol.invalid", "{name}: {reply:?}");
        acceptable_on_another(&client);
    }
}

fn acceptable_on_another(client: &Client) {
    for _ in 0..2 {
        assert_eq!(client.post(b"x").body, b"acceptable");
    }
    assert_eq!(client.counts().connections(), 2);
}

#[test]
fn lengths_that_say_the_same() {
    for lengths in ["content-length: 2\r\ncontent-length: 2", "content-length: 2, 2", "content-length: 02"] {
        let reply = raw(format!("HTTP/1.1 200 OK\r\n{lengths}\r\n\r\nok")).get();
        // RFC 9110 section 8.6: a list that repeats one value may be read as that value, or refused.
        assert!(reply.body == b"ok" || reply.code() == "protocol.invalid", "{lengths}: {reply:?}");
    }
}

#[test]
fn a_hundred_interim_responses_and_no_more() {
    let interim = |count| {
        let mut response = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(count);
        response.extend(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        raw(response)
    };
    assert_eq!(interim(0).get().body, b"ok");
    assert_eq!(interim(100).get().body, b"ok");
    assert_eq!(interim(101).get().code(), "protocol.invalid", "in one piece with the response");
    let endless = Client::http1(|peer| {
        peer.read();
        while peer.write("HTTP/1.1 100 Continue\r\n\r\n") {}
        false
    });
    assert_eq!(endless.get().code(), "protocol.invalid");
}

#[test]
fn a_hundred_interim_responses_and_no_more_over_http2() {
    let interim = |count| {
        Client::http2(move |connection| {
            while let Some(stream) = connection.request() {
                for _ in 0..count {
                    connection.head(stream, &[(":status", b"103"), ("link", b"</a>")], false);
                }
                connection.respond(stream, "ok");
            }
            true
        })
    };
    let client = interim(100);
    for _ in 0..3 {
        assert_eq!(client.get().body, b"ok");
    }
    assert_eq!(interim(101).get().code(), "protocol.invalid");
    let endless = Client::http2(|connection| {
        let Some(stream) = connection.request() else { return false };
        while connection.head(stream, &[(":status", b"103"), ("link", b"</a>")], false) {}
        false
    });
    assert_eq!(endless.get().code(), "protocol.invalid");
    assert_eq!(endless.counts().requests(), 1);
}

#[test]
fn lengths_over_http2() {
    let responding = |length: &'static [u8], body: &'static [u8]| {
        Client::http2(move |connection| {
            while let Some(stream) = connection.request() {
                connection.head(stream, &[(":status", b"200"), ("content-length", length)], false);
                connection.frame(h2::DATA, 1, stream, body);
            }
            true
        })
    };
    assert_eq!(responding(b"4", b"four").get().body, b"four");
    assert_eq!(responding(b"x", b"four").get().code(), "protocol.invalid");
    assert_eq!(responding(b"+4", b"four").get().code(), "protocol.invalid");
}
