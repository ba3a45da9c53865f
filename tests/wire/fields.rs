//! The fields of heads: which are sent beside those of the caller, and how those of a response reach the caller.

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use crate::support;
use crate::support::client::{Client, Over, head, http1_head, raw};
use crate::support::library::{self, Reply, send, start, wait};
use crate::support::server::request;

fn header<'a>(reply: &'a Reply, name: &str) -> Vec<&'a str> {
    let fields = reply.head["headers"].as_array().expect("fields");
    fields.iter().filter(|field| field[0] == name).map(|field| field[1].as_str().expect("text")).collect()
}

#[test]
fn fields_keep_order_and_bytes() {
    let fields = [("x-b", &b"1"[..]), ("x-a", b"\xe4\xff"), ("x-b", b"2"), ("x-c", b""), ("x-b", b"1")];
    let expected = json!([["x-b", "1"], ["x-b", "2"], ["x-b", "1"], ["x-a", "\u{e4}\u{ff}"], ["x-c", ""]]);
    let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
    let mut http1 = fields.clone();
    http1[0].0 = "X-B".to_owned();
    http1.push(("content-length".to_owned(), b"0".to_vec()));
    let reply = raw(http1_head(&http1)).get();
    let mut expected1 = expected.as_array().expect("a list").clone();
    expected1.push(json!(["content-length", "0"]));
    assert_eq!(reply.head["headers"], json!(expected1));
    assert_eq!((&reply.head["http_version"], &reply.head["audit"]["http_version"]), (&json!("1.1"), &json!("1.1")));

    let reply = head(fields).get();
    assert_eq!(reply.head["headers"], expected);
    assert_eq!((&reply.head["http_version"], &reply.head["audit"]["http_version"]), (&json!("2"), &json!("2")));
}

#[test]
fn an_injected_secret_is_not_shown() {
    const KEY: [u8; 32] = [1; 32];
    let secret = "s3cr/t+value";
    let response = format!(
        "HTTP/1.1 302 Found\r\nlocation: /next?key=s3cr%2Ft%2Bvalue&x=1\r\nx-raw: a {secret} b\r\nx-base64: {}\r\n\
         x-fine: s3cr\r\ncontent-length: {}\r\n\r\n{secret}",
        support::encode(format!("user:{secret}").as_bytes()),
        secret.len(),
    );
    let client = Client::with(
        Over::Http1,
        |configuration| {
            configuration["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
        },
        move |peer| peer.read().is_some() && peer.write(&response),
    );
    let mut request = request("GET", &client.server.url("https", "localhost"), "/");
    request["credentials"] =
        json!([{"identifier": "k", "type": "secret", "placement": {"type": "query", "name": "key"}}]);
    let sealed = support::seal(secret.as_bytes(), "k", &KEY, Algorithm::XChaCha20Poly1305);
    let reply = send(client.engine, &request, b"", &sealed);
    assert_eq!(reply.http_status(), Some(302), "{reply:?}");
    assert_eq!(client.counts().last().line(), "GET /?key=s3cr%2Ft%2Bvalue HTTP/1.1");
    for name in ["location", "x-raw", "x-base64"] {
        assert_eq!(header(&reply, name), ["[redacted]"], "{name}");
    }
    assert_eq!(header(&reply, "x-fine"), ["s3cr"]);
    assert_eq!(reply.body, secret.as_bytes(), "the body is the caller's");

    let (_, exchange, refusal) = start(client.engine, &request, b"", &sealed, false);
    assert_eq!(refusal, Value::Null);
    let (mut body, mut status) = (Vec::new(), 0);
    while status != 3 {
        let head;
        let piece;
        (status, head, piece) = library::read(exchange, 4);
        assert_eq!(head, Value::Null);
        body.extend(piece);
        if status == 2 {
            wait(&[exchange], 100);
        }
    }
    assert_eq!(library::head(exchange).1["headers"], reply.head["headers"], "of a response in pieces as well");
    assert_eq!(body, secret.as_bytes());
    assert_eq!(library::end(exchange).0, 0);
}

#[test]
fn what_is_sent_beside_the_callers_fields() {
    let client = raw("HTTP/1.1 204 No Content\r\n\r\n");
    let port = client.server.address.port();
    client.post(b"");
    let received = client.counts().last();
    assert_eq!(received.line(), "POST / HTTP/1.1");
    assert_eq!(received.header("host"), Some(format!("localhost:{port}").as_str()));
    assert_eq!(received.header("content-length"), Some("0"));
    assert_eq!(received.header("accept-encoding"), Some("gzip, br, zstd"));
    let agent = concat!("secure-outbound/", env!("CARGO_PKG_VERSION"));
    assert_eq!(received.header("user-agent"), Some(agent));
    for name in ["transfer-encoding", "connection", "referer", "cookie", "accept", "content-type"] {
        assert_eq!(received.header(name), None, "{name}");
    }
    client.get();
    assert_eq!(client.counts().last().header("content-length"), None);
    client.call("POST", b"four", |request| {
        request["headers"] = json!([["User-Agent", "mine"], ["x-a", "1"], ["x-a", "2"]])
    });
    let received = client.counts().last();
    assert_eq!((received.header("content-length"), received.header("user-agent")), (Some("4"), Some("mine")));
    assert!(received.head.contains("x-a: 1\r\nx-a: 2\r\n"), "{}", received.head);

    let client = Client::with(
        Over::Http1,
        |c| c["user_agent"] = json!("theirs"),
        |peer| peer.read().is_some() && peer.respond(""),
    );
    client.get();
    assert_eq!(client.counts().last().header("user-agent"), Some("theirs"));
}

#[test]
fn responses_without_a_body() {
    for (method, response) in [
        ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\ncontent-encoding: gzip\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\ncontent-encoding: unknown\r\n\r\n"),
    ] {
        let client = Client::http1(move |peer| {
            while peer.read().is_some() && peer.write(response) {}
            true
        });
        for _ in 0..2 {
            let reply = client.call(method, b"", |_| {});
            assert_eq!((reply.status, reply.body.len()), (0, 0), "{method} {response}: {reply:?}");
            assert_eq!(header(&reply, "content-encoding").is_empty(), !response.contains("content-encoding"));
        }
        assert_eq!(client.counts().connections(), 1, "{method} {response}: the connection lives on");
    }
    let client = head(vec![("content-length".to_owned(), b"10".to_vec())]);
    let reply = client.call("HEAD", b"", |_| {});
    assert_eq!(header(&reply, "content-length"), ["10"], "{reply:?}");
}
