//! The main job from outside: a sealed credential reaches an HTTPS server, and the response comes back.

use secure_outbound::envelope::aead::Algorithm;
use serde_json::json;

use crate::support;
use crate::support::library::{open, send};
use crate::support::server::{Authority, Server, configuration, request};

const KEY: [u8; 32] = [1; 32];

#[test]
fn a_sealed_bearer_token_reaches_the_server() {
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), |peer| {
        while peer.read().is_some() && peer.respond("hello") {}
        true
    });
    let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
    configuration["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
    let (status, engine, head) = open(&configuration);
    assert_eq!((status, head), (0, json!({"version": 1, "warnings": []})));

    let mut request = request("POST", &server.url("https", "localhost"), "/v1/charges");
    request["credentials"] = json!([{"identifier": "my_api_key", "type": "bearer"}]);
    let sealed = support::seal(br#"{"token": "s3cr3t"}"#, "my_api_key", &KEY, Algorithm::XChaCha20Poly1305);
    let reply = send(engine, &request, b"amount=1", &sealed);

    assert_eq!(reply.http_status(), Some(200), "{reply:?}");
    assert_eq!(reply.body, b"hello");
    let received = server.counts.last();
    assert_eq!(received.line(), "POST /v1/charges HTTP/1.1");
    assert_eq!(received.header("authorization"), Some("Bearer s3cr3t"));
    assert_eq!(received.body, b"amount=1");
    println!("{:#}", reply.head);
}
