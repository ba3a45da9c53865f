//! HTTP/2 over plain TCP, where nothing negotiates the version: it is used if the configuration allows only HTTP/2.

use serde_json::json;

use crate::support::client::{Client, Over};
use crate::support::h2;

#[test]
fn http_2_alone_is_spoken_over_plain_http_without_asking() {
    let client = Client::with(
        Over::Plain,
        |configuration| configuration["http_versions"] = json!(["2"]),
        h2::over(|connection| {
            while let Some(stream) = connection.request() {
                connection.respond(stream, "known before");
            }
            true
        }),
    );
    for reused in [false, true] {
        let reply = client.post(b"x");
        let audit = &reply.head["audit"];
        assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"known before"[..]), "{reply:?}");
        assert_eq!((&audit["http_version"], &audit["connection_reused"]), (&json!("2"), &json!(reused)));
    }
}

#[test]
fn with_http_1_beside_it_plain_http_is_http_1() {
    let client = Client::with(
        Over::Plain,
        |_| {},
        |peer| {
            while peer.read().is_some() && peer.respond("asked") {}
            true
        },
    );
    assert_eq!(client.post(b"x").head["audit"]["http_version"], "1.1");
}

#[test]
fn a_server_that_knows_nothing_of_it_is_not_taken_for_one_that_responded() {
    let client = Client::with(
        Over::Plain,
        |configuration| configuration["http_versions"] = json!(["2"]),
        |peer| peer.take(24).is_some() && peer.write("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"),
    );
    let reply = client.post(b"x");
    assert_eq!(reply.http_status(), None, "{reply:?}");
    assert_eq!(reply.head["error"]["class"], "protocol", "{reply:?}");
}
