//! Servers that refuse HTTP/2 with HTTP_1_1_REQUIRED, and which requests they are sent afterwards.

use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::h2::{self, Connection, HTTP_1_1_REQUIRED};
use crate::support::library::Reply;
use crate::support::server::{Authority, Server};

type Refusal = fn(&mut Connection<'_, '_>, u32) -> bool;

const RESET: Refusal = |connection, stream| connection.rst(stream, HTTP_1_1_REQUIRED);
const LEFT_BELOW: Refusal = |connection, stream| !connection.go_away(stream - 1, HTTP_1_1_REQUIRED);
const LEFT_WITH: Refusal = |connection, stream| !connection.go_away(stream, HTTP_1_1_REQUIRED);
const LEFT_WITH_ALL: Refusal = |connection, _| !connection.go_away(i32::MAX as u32, HTTP_1_1_REQUIRED);

/// A server that responds over HTTP/1.1, and refuses requests over HTTP/2 in this way.
fn server(refuse: Refusal, change: impl FnOnce(&mut Value)) -> Client {
    let authority = Authority::new();
    let tls = authority.server(&["localhost"], &[b"h2", b"http/1.1"], |_| {});
    Client::serving(authority, Some(tls), change, h2::either(refuse))
}

fn attempts(attempts: u64) -> impl FnOnce(&mut Value) {
    move |request| request["policy"]["max_attempts"] = json!(attempts)
}

fn responded_by_http1(reply: &Reply, attempts: u64) {
    assert_eq!((reply.http_status(), reply.body.as_slice()), (Some(200), &b"by 1.1"[..]), "{reply:?}");
    let audit = &reply.head["audit"];
    assert_eq!((&audit["http_version"], &audit["attempts"]), (&json!("1.1"), &json!(attempts)), "{reply:?}");
}

fn failed(reply: &Reply, sent: &str, named: &str) {
    assert_eq!((reply.code(), reply.sent()), ("protocol.closed_early", sent), "{reply:?}");
    let message = reply.head["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("HTTP/1.1") && message.contains(named), "{message}");
}

#[test]
fn what_was_not_processed_is_sent_again_by_http_1() {
    let left_altogether: Refusal = |connection, _| !connection.go_away(0, HTTP_1_1_REQUIRED);
    for refuse in [LEFT_BELOW, left_altogether] {
        let client = server(refuse, |_| {});
        responded_by_http1(&client.post(b"x"), 1);
        assert_eq!((client.counts().requests(), client.counts().connections()), (2, 2));
        responded_by_http1(&client.post(b"x"), 1);
        assert_eq!((client.counts().requests(), client.counts().connections()), (3, 2), "by HTTP/1.1 from then on");
    }
}

#[test]
fn what_may_have_been_processed_is_sent_again_where_the_request_is_idempotent() {
    for refuse in [RESET, LEFT_WITH, LEFT_WITH_ALL] {
        for (method, key, may_repeat) in [("POST", false, false), ("GET", false, true), ("POST", true, true)] {
            for made in [1, 3] {
                let client = server(refuse, |_| {});
                let reply = client.call(method, b"", |request| {
                    attempts(made)(request);
                    if key {
                        request["idempotency_key"] = json!("order-17");
                    }
                });
                match may_repeat && made > 1 {
                    true => {
                        responded_by_http1(&reply, 2);
                        assert_eq!(reply.head["audit"]["attempt_errors"], json!(["protocol.closed_early"]));
                        assert_eq!(client.counts().requests(), 2);
                    }
                    false => {
                        failed(&reply, "maybe", "HTTP_1_1_REQUIRED");
                        assert_eq!(client.counts().requests(), 1, "{method} {made}");
                        // The HTTP/2 connection may still be open, and must not be used.
                        responded_by_http1(&client.post(b"x"), 1);
                    }
                }
            }
        }
    }
}

#[test]
fn a_response_that_is_reset_counts_as_well() {
    let client = server(
        |connection, stream| {
            connection.head(stream, &[(":status", b"200")], false) && connection.rst(stream, HTTP_1_1_REQUIRED)
        },
        |_| {},
    );
    let reply = client.post(b"x");
    assert_eq!((reply.code(), reply.sent()), ("protocol.closed_early", "yes"), "{reply:?}");
    responded_by_http1(&client.post(b"x"), 1);
}

#[test]
fn connections_to_other_servers_are_kept() {
    let authority = Authority::new();
    let asking = authority.server(&["localhost"], &[b"h2", b"http/1.1"], |_| {});
    let asking = Server::start(Some(asking), h2::either(RESET));
    let tls = authority.server(&["localhost"], &[], |_| {});
    let both = |configuration: &mut Value| {
        for host in configuration["internal_hosts"].as_array_mut().expect("hosts") {
            host["ports"].as_array_mut().expect("ports").push(json!(asking.address.port()));
        }
    };
    let client = Client::serving(authority, Some(tls), both, |peer| {
        while peer.read().is_some() && peer.respond("kept") {}
        true
    });
    assert_eq!(client.get().body, b"kept");
    let asked = client.call("GET", b"", |request| request["base_url"] = json!(asking.url("https", "localhost")));
    failed(&asked, "maybe", "from now on");
    assert_eq!(client.get().body, b"kept");
    assert_eq!(client.counts().connections(), 1);
}

#[test]
fn a_reset_of_another_kind_changes_nothing() {
    let client = server(|connection, stream| connection.rst(stream, h2::INTERNAL_ERROR), |_| {});
    for _ in 0..2 {
        let reply = client.post(b"x");
        assert_eq!((reply.code(), &reply.head["audit"]["http_version"]), ("protocol.closed_early", &json!("2")));
    }
    assert_eq!(client.counts().connections(), 1);
}

#[test]
fn where_nothing_but_http_2_may_be_spoken_the_message_says_so() {
    for (refuse, sent) in [(LEFT_BELOW, "no"), (RESET, "maybe"), (LEFT_WITH, "maybe")] {
        let client = server(refuse, |configuration| configuration["http_versions"] = json!(["2"]));
        failed(&client.post(b"x"), sent, "http_versions");
        assert_eq!(client.counts().requests(), 1);
    }
}
