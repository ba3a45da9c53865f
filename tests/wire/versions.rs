//! A policy that narrows the versions of HTTP: what is spoken, and on which connections.

use serde_json::{Value, json};

use crate::support::client::{Client, Over};
use crate::support::h2;
use crate::support::library::{Reply, close, end, head, open, read, send, start, wait};
use crate::support::server::{Authority, Server, configuration};

/// A server that says which version it was asked by.
fn server(alpn: &[&[u8]], change: impl FnOnce(&mut Value)) -> Client {
    let authority = Authority::new();
    let tls = authority.server(&["localhost"], alpn, |_| {});
    Client::serving(authority, Some(tls), change, h2::either(|connection, stream| connection.respond(stream, "by 2")))
}

/// A server that has both.
fn both() -> Client {
    server(&[b"h2", b"http/1.1"], |_| {})
}

/// A list of a policy; null is none.
fn narrowed(versions: Value) -> impl FnOnce(&mut Value) {
    move |request| {
        if !versions.is_null() {
            request["policy"]["http_versions"] = versions;
        }
    }
}

fn call(client: &Client, versions: Value) -> Reply {
    client.call("POST", b"x", narrowed(versions))
}

/// What the server says it was asked by, and whether the connection had been used.
fn spoken(reply: &Reply) -> (String, bool) {
    assert_eq!(reply.http_status(), Some(200), "{reply:?}");
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    let audit = &reply.head["audit"];
    assert_eq!(body, format!("by {}", audit["http_version"].as_str().unwrap_or_default()));
    (body, audit["connection_reused"] == true)
}

#[test]
fn a_service_keeps_to_the_versions_of_its_policy_on_connections_of_its_own() {
    let client = both();
    for (versions, expected, reused, connections) in [
        (Value::Null, "by 2", false, 1),
        (json!(["1.1"]), "by 1.1", false, 2),
        (json!(["2"]), "by 2", false, 3),
        // Each finds its own again, and a list that leaves everything is none.
        (json!(["3", "1.1"]), "by 1.1", true, 3),
        (json!(["2"]), "by 2", true, 3),
        (json!(["1.1", "2"]), "by 2", true, 3),
        (Value::Null, "by 2", true, 3),
    ] {
        let reply = call(&client, versions.clone());
        assert_eq!(spoken(&reply), (expected.to_owned(), reused), "{versions}");
        assert_eq!(client.counts().connections(), connections, "{versions}");
    }
    assert_eq!(client.counts().requests(), 7);
}

#[test]
fn so_do_exchanges_that_go_on_beside_each_other() {
    let client = both();
    let mut begun = Vec::new();
    for (versions, expected) in
        [(Value::Null, "2"), (json!(["1.1"]), "1.1"), (json!(["2"]), "2"), (json!(["1.1"]), "1.1")]
    {
        let request = client.request("GET", narrowed(versions));
        let (status, exchange, refusal) = start(client.engine, &request, b"", "", true);
        assert_eq!(status, 0, "{refusal}");
        begun.push((exchange, expected));
    }
    for (exchange, expected) in begun {
        while head(exchange).0 != 0 {
            wait(&[exchange], 5000);
        }
        assert_eq!(String::from_utf8_lossy(&read(exchange, 4096).2), format!("by {expected}"));
        assert_eq!(end(exchange).1["http_version"], expected);
    }
}

#[test]
fn a_redirect_does_not_lead_out_of_the_list() {
    let client = both();
    let base = client.server.url("https", "localhost");
    let tls = client.authority.server(&["localhost"], &[], |_| {});
    let first = Server::start(Some(tls), move |peer| {
        let head = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {base}/\r\ncontent-length: 0\r\n\r\n");
        peer.read().is_some() && peer.write(head)
    });
    let ports = [client.server.address.port(), first.address.port()];
    let (status, engine, refusal) = open(&configuration(&client.authority, &["localhost"], &ports));
    assert_eq!(status, 0, "{refusal}");
    for (versions, expected) in [(Value::Null, "by 2"), (json!(["1.1"]), "by 1.1"), (Value::Null, "by 2")] {
        let request = client.request("POST", |request| {
            narrowed(versions.clone())(request);
            request["base_url"] = json!(first.url("https", "localhost"));
            request["policy"]["max_redirects"] = json!(1);
            request["policy"]["allowed_hosts"] = json!(ports.map(|port| format!("localhost:{port}")));
        });
        let reply = send(engine, &request, b"x", "");
        assert_eq!(spoken(&reply).0, expected, "{versions}");
    }
    close(engine);
}

#[test]
fn http_2_is_insisted_on() {
    let client = server(&[b"http/1.1"], |_| {});
    assert_eq!(spoken(&call(&client, Value::Null)).0, "by 1.1");
    let reply = call(&client, json!(["2"]));
    assert_eq!((reply.code(), reply.sent()), ("tls.handshake_failed", "no"), "{reply:?}");
    assert_eq!(client.counts().requests(), 1);

    let plain = Client::with(Over::Plain, |_| {}, h2::either(|connection, stream| connection.respond(stream, "by 2")));
    for (versions, expected) in [(Value::Null, "by 1.1"), (json!(["2"]), "by 2"), (json!(["2", "1.1"]), "by 1.1")] {
        assert_eq!(spoken(&call(&plain, versions)).0, expected);
    }
}

#[test]
fn a_policy_cannot_allow_what_the_configuration_does_not() {
    let client = server(&[b"h2", b"http/1.1"], |document| document["http_versions"] = json!(["3", "1.1"]));
    assert_eq!(spoken(&call(&client, json!(["3", "2", "1.1"]))).0, "by 1.1");
    let reply = call(&client, json!(["2"]));
    assert_eq!((reply.code(), reply.sent()), ("invalid_request.malformed", "no"), "{reply:?}");
    let message = reply.head["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("http_versions of the configuration"), "{message}");
    assert_eq!(client.counts().connections(), 1);
}

#[test]
fn http_3_is_skipped_with_a_warning_and_refused_alone() {
    let authority = Authority::new();
    let mut document = configuration(&authority, &["localhost"], &[1]);
    for (versions, warns) in
        [(json!(["3", "2", "1.1"]), true), (json!(["2", "1.1"]), false), (json!(["1.1", "3"]), true)]
    {
        document["http_versions"] = versions;
        let (status, engine, head) = open(&document);
        let codes = head["warnings"].as_array().map_or(&[][..], Vec::as_slice).iter().map(|warning| &warning["code"]);
        assert_eq!(
            (status, codes.filter(|code| *code == "http_versions.no_http3").count()),
            (0, usize::from(warns)),
            "{head}"
        );
        close(engine);
    }
    document["http_versions"] = json!(["3"]);
    let (_, _, head) = open(&document);
    assert_eq!(head["error"]["code"], "configuration.invalid", "{head}");
}
