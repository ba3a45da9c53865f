//! Fields that hold a credential are sent over HTTP/2 as never-indexed literals, which no hop may put into a table (RFC 7541).

use std::sync::{Arc, Mutex};

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use crate::support;
use crate::support::client::Client;
use crate::support::h2::HEADERS;
use crate::support::hpack::{Field, Form, fields, huffman};
use crate::support::library::send;
use crate::support::server::request;

const KEY: [u8; 32] = [1; 32];
const PADDED_OR_PRIORITY: u8 = 0x28;
const END_HEADERS: u8 = 4;
/// Indexes in the static table of RFC 7541.
const AUTHORIZATION: usize = 23;
const PATH: usize = 4;
const USER_AGENT: usize = 58;

/// Sends the same request twice over one connection, and returns the fields of both as the server received them.
fn on_the_wire(credentials: &[(Value, &str)]) -> [Vec<Field>; 2] {
    let blocks = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&blocks);
    let keys = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
    let client = Client::with(
        support::client::Over::Http2,
        |configuration| configuration["master_keys"] = keys,
        support::h2::over(move |connection| {
            while let Some(frame) = connection.next() {
                if frame.kind == HEADERS {
                    assert_eq!(frame.flags & (PADDED_OR_PRIORITY | END_HEADERS), END_HEADERS, "a block in one piece");
                    seen.lock().expect("no poison").push(frame.payload);
                    connection.respond(frame.stream, "ok");
                }
            }
            true
        }),
    );
    let mut request = request("GET", &client.server.url("https", "localhost"), "/a");
    let (specs, envelopes): (Vec<Value>, Vec<String>) = credentials
        .iter()
        .enumerate()
        .map(|(index, (spec, payload))| {
            let mut spec = spec.clone();
            let identifier = format!("secret_{index}");
            spec["identifier"] = json!(identifier);
            (spec, support::seal(payload.as_bytes(), &identifier, &KEY, Algorithm::XChaCha20Poly1305))
        })
        .unzip();
    request["credentials"] = json!(specs);
    let sealed = if let [only] = envelopes.as_slice() { only.clone() } else { json!(envelopes).to_string() };
    for _ in 0..2 {
        let reply = send(client.engine, &request, b"", &sealed);
        assert_eq!(reply.http_status(), Some(200), "{reply:?}");
    }
    assert_eq!(client.counts().connections(), 1);
    let blocks = blocks.lock().expect("no poison");
    [fields(&blocks[0]), fields(&blocks[1])]
}

/// The forms of every field with this value.
fn forms(block: &[Field], value: &str) -> Vec<Form> {
    let coded = [value.as_bytes().to_vec(), huffman(value)];
    block.iter().filter(|field| coded.contains(&field.value)).map(|field| field.form).collect()
}

#[test]
fn every_header_with_a_credential_is_never_indexed() {
    let header = json!({"type": "secret", "placement": {"type": "header", "name": "X-Secret", "prefix": "Key "}});
    let cases: [(Value, &str, &str, &str); 7] = [
        (json!({"type": "bearer"}), r#"{"token": "s3cr3t-token"}"#, "authorization", "Bearer s3cr3t-token"),
        (json!({"type": "api_key"}), r#"{"key": "s3cr3t-key"}"#, "x-api-key", "s3cr3t-key"),
        (json!({"type": "api_key"}), r#"{"key": "s3cr3t", "header": "Cookie"}"#, "cookie", "s3cr3t"),
        (
            json!({"type": "basic"}),
            r#"{"username": "Aladdin", "password": "open sesame"}"#,
            "authorization",
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ),
        (header, "s3cr3t", "x-secret", "Key s3cr3t"),
        (json!({"type": "secret", "placement": {"type": "bearer"}}), "s3cr3t", "authorization", "Bearer s3cr3t"),
        (json!({"type": "secret", "placement": {"type": "api_key"}}), "s3cr3t", "x-api-key", "s3cr3t"),
    ];
    for (spec, payload, name, value) in cases {
        for block in on_the_wire(&[(spec.clone(), payload)]) {
            assert_eq!(forms(&block, value), [Form::NeverIndexed], "{name}: {block:?}");
        }
    }
}

#[test]
fn several_at_once_and_what_is_no_secret() {
    let credentials = [
        (json!({"type": "bearer"}), r#"{"token": "s3cr3t-token"}"#),
        (json!({"type": "secret", "placement": {"type": "header", "name": "X-Secret"}}), "s3cr3t-header"),
        (json!({"type": "secret", "placement": {"type": "query", "name": "key"}}), "s3cr3t-query"),
    ];
    let [first, second] = on_the_wire(&credentials);
    for block in [&first, &second] {
        assert_eq!(forms(block, "Bearer s3cr3t-token"), [Form::NeverIndexed]);
        assert_eq!(forms(block, "s3cr3t-header"), [Form::NeverIndexed]);
        assert_eq!(forms(block, "/a?key=s3cr3t-query"), [Form::NotIndexed], "a path is entered into no table");
        assert_eq!(block.iter().filter(|field| field.form == Form::NeverIndexed).count(), 2);
        let index = |index: usize| block.iter().filter(move |field| field.index == index && !field.value.is_empty());
        assert_eq!((index(AUTHORIZATION).count(), index(PATH).count()), (1, 1));
    }
    let user_agent = concat!("secure-outbound/", env!("CARGO_PKG_VERSION"));
    assert_eq!(forms(&first, user_agent), [Form::Remembered], "what is no secret is entered");
    assert!(first.iter().any(|field| field.index == USER_AGENT));
    assert_eq!(forms(&second, user_agent), [], "and is there the second time");
}
