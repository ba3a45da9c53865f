//! Redirects, which are returned to the caller or followed under the same rules as the first request.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use crate::support;
use crate::support::library::{Reply, open, send};
use crate::support::server::{Authority, Received, Server, configuration, request};

const KEY: [u8; 32] = [1; 32];

/// An origin that responds to `/v1/from…` as the test says and to everything else with 200, and another origin, which must not
/// be reached unless the test says so.
struct World {
    authority: Authority,
    first: Server,
    other: Server,
    /// Status and further fields of the responses to `/v1/from…`.
    says: Arc<Mutex<(u16, String)>>,
}

impl World {
    fn new() -> Self {
        let authority = Authority::new();
        let tls = authority.server(&["localhost", "127.0.0.1"], &[], |_| {});
        let says = Arc::new(Mutex::new((200, String::new())));
        let told = Arc::clone(&says);
        let first = Server::start(Some(Arc::clone(&tls)), move |peer| {
            while let Some(received) = peer.read() {
                let (status, fields) = told.lock().expect("no poison").clone();
                let responded = match received.line().contains(" /v1/from") {
                    true => peer.write(format!("HTTP/1.1 {status} Moved\r\ncontent-length: 0\r\n{fields}\r\n")),
                    false => peer.respond("there"),
                };
                if !responded {
                    break;
                }
            }
            true
        });
        let other = Server::start(Some(tls), |peer| {
            while peer.read().is_some() && peer.respond("elsewhere") {}
            true
        });
        Self { authority, first, other, says }
    }

    fn url(&self) -> String {
        self.first.url("https", "localhost")
    }

    /// A request to `/v1/from` that may follow three redirects to either origin.
    fn request(&self, method: &str) -> Value {
        let mut request = request(method, &self.url(), "/v1/from");
        let hosts = [&self.first, &self.other].map(|server| format!("localhost:{}", server.address.port()));
        request["policy"] = json!({
            "allowed_methods": ["GET", "HEAD", "POST", "PUT"], "max_redirects": 3, "allowed_paths": ["/v1/**"],
            "allowed_hosts": hosts,
        });
        request["headers"] = json!([["content-type", "text/plain"], ["x-mine", "kept"]]);
        request
    }

    fn send(&self, status: u16, fields: &str, request: &Value, payload: Option<&str>) -> Reply {
        *self.says.lock().expect("no poison") = (status, fields.to_owned());
        let ports = [self.first.address.port(), self.other.address.port()];
        let mut configuration = configuration(&self.authority, &["localhost"], &ports);
        configuration["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
        let (opened, engine, head) = open(&configuration);
        assert_eq!(opened, 0, "{head}");
        let body: &[u8] = if request["method"] == "POST" || request["method"] == "PUT" { b"data" } else { b"" };
        let seal = |payload: &str| support::seal(payload.as_bytes(), "key", &KEY, Algorithm::XChaCha20Poly1305);
        send(engine, request, body, &payload.map(seal).unwrap_or_default())
    }

    /// What the first origin received since the last call.
    fn taken(&self) -> Vec<Received> {
        std::mem::take(&mut *self.first.counts.received.lock().expect("no poison"))
    }

    fn assert_refused(&self, reply: &Reply, status: u16, why: &str) {
        assert_eq!((reply.code(), reply.sent()), ("policy.redirect_not_allowed", "yes"), "{why}: {reply:?}");
        assert_eq!(reply.head["error"]["http_status"], status, "{why}: {reply:?}");
        assert_eq!(reply.head["audit"]["status"], status, "{why}");
        assert_eq!((reply.status, reply.http_status(), reply.head["error"]["retryable"] == true), (1, None, false));
        assert_eq!(self.other.counts.connections(), 0, "{why}");
    }
}

#[test]
fn without_max_redirects_the_response_is_handed_over() {
    let world = World::new();
    for status in [300, 301, 302, 303, 304, 305, 307, 308] {
        let mut request = world.request("GET");
        request["policy"]["max_redirects"] = json!(0);
        let reply = world.send(status, "location: https://elsewhere.example.com/\r\n", &request, None);
        assert_eq!(reply.http_status(), Some(u64::from(status)), "{reply:?}");
        assert!(
            reply.head["headers"]
                .as_array()
                .expect("headers")
                .contains(&json!(["location", "https://elsewhere.example.com/"]))
        );
    }
    assert_eq!(world.first.counts.requests(), 8);
}

#[test]
fn each_status_has_its_method_and_body() {
    let world = World::new();
    for (status, method, next) in [
        (301, "GET", "GET"),
        (301, "HEAD", "HEAD"),
        (301, "POST", "GET"),
        (301, "PUT", "PUT"),
        (302, "GET", "GET"),
        (302, "HEAD", "HEAD"),
        (302, "POST", "GET"),
        (302, "PUT", "PUT"),
        (303, "GET", "GET"),
        (303, "HEAD", "HEAD"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "GET", "GET"),
        (307, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (307, "PUT", "PUT"),
        (308, "GET", "GET"),
        (308, "HEAD", "HEAD"),
        (308, "POST", "POST"),
        (308, "PUT", "PUT"),
    ] {
        let why = format!("{status} after {method}");
        let reply = world.send(status, "location: /v1/to?a=b#c\r\n", &world.request(method), Some(r#"{"token":"t"}"#));
        assert_eq!(reply.code(), "invalid_request.malformed", "{why}: an envelope without a credential");

        let mut request = world.request(method);
        request["credentials"] = json!([{"identifier": "key", "type": "bearer"}]);
        let reply = world.send(status, "location: /v1/to?a=b#c\r\n", &request, Some(r#"{"token":"t"}"#));
        assert_eq!(reply.http_status(), Some(200), "{why}: {reply:?}");
        let taken = world.taken();
        assert_eq!(taken.len(), 2, "{why}");
        assert_eq!(taken[1].line(), format!("{next} /v1/to?a=b HTTP/1.1"), "{why}");
        let with_body = next == "POST" || next == "PUT";
        assert_eq!(taken[1].body, if with_body { &b"data"[..] } else { b"" }, "{why}");
        // A request that becomes a GET has no body, and no fields that describe one.
        let has_type = taken[1].header("content-type").is_some();
        assert_eq!(has_type, method == next && status != 303, "{why}");
        assert_eq!(taken[1].header("x-mine"), Some("kept"), "{why}");
        assert_eq!(taken[1].header("authorization"), Some("Bearer t"), "{why}");
        assert_eq!(taken[1].header("referer"), None, "{why}");
        assert_eq!(reply.head["audit"]["method"], method, "{why}");
    }
}

#[test]
fn another_origin_gets_nothing_that_was_meant_for_the_first() {
    let world = World::new();
    let mut request = world.request("GET");
    request["headers"] = json!([["authorization", "Basic eDp5"], ["cookie", "a=b"], ["x-mine", "kept"]]);
    let location = format!("location: {}/v1/to\r\n", world.other.url("https", "localhost"));
    let reply = world.send(307, &location, &request, None);
    assert_eq!((reply.http_status(), &*reply.body), (Some(200), &b"elsewhere"[..]), "{reply:?}");
    let received = world.other.counts.last();
    assert_eq!(received.header("host"), Some(&*format!("localhost:{}", world.other.address.port())));
    assert_eq!((received.header("authorization"), received.header("cookie")), (None, None));
    assert_eq!(received.header("x-mine"), Some("kept"));
    let first = world.taken();
    assert_eq!(first[0].header("authorization"), Some("Basic eDp5"));
}

#[test]
fn what_the_policy_does_not_allow_is_refused() {
    let world = World::new();
    let (elsewhere, blocked) = (world.other.url("https", "localhost"), "127.0.0.2");
    let listener = TcpListener::bind((blocked, 0)).expect("a port");
    let trap = Server::listen(listener, None, |_| false);
    let trap_url = trap.url("https", blocked);
    let bearer = r#"{"token":"t"}"#;
    let bound = r#"{"token":"t","binding":{"paths":["/v1/from"]}}"#;
    for (why, location, payload, policy) in [
        ("a credential for another origin", format!("{elsewhere}/v1/to"), Some(bearer), json!({})),
        ("http", world.first.url("http", "localhost") + "/v1/to", None, json!({"allow_http": true})),
        ("another host", "https://other.example.com/v1/to".to_owned(), None, json!({})),
        ("another port", "https://localhost:9/v1/to".to_owned(), None, json!({})),
        ("a path outside the policy", "/v2/to".to_owned(), None, json!({})),
        ("a path outside the base path", "/v2/to".to_owned(), None, json!({"allowed_paths": ["/v1/from"]})),
        ("a method outside the policy", "/v1/to".to_owned(), None, json!({"allowed_methods": ["POST"]})),
        ("a path outside the binding", "/v1/to".to_owned(), Some(bound), json!({})),
        (
            "a blocked literal",
            format!("{trap_url}/v1/to"),
            None,
            json!({"allowed_hosts": [world.url()[8..], trap_url[8..]]}),
        ),
        ("dot segments in disguise", "/v1/%2e%2e/v2".to_owned(), None, json!({})),
        ("a backslash", "/v1\\to".to_owned(), None, json!({})),
        ("userinfo", format!("https://a:b@localhost:{}/v1/to", world.first.address.port()), None, json!({})),
        ("another scheme", "file:///etc/passwd".to_owned(), None, json!({})),
    ] {
        let mut request = world.request("POST");
        if payload.is_some() {
            request["credentials"] = json!([{"identifier": "key", "type": "bearer"}]);
        }
        for (key, value) in policy.as_object().expect("an object") {
            request["policy"][key] = value.clone();
        }
        let reply = world.send(302, &format!("location: {location}\r\n"), &request, payload);
        world.assert_refused(&reply, 302, why);
        assert!(!reply.head.to_string().contains(&location), "{why}: {reply:?}");
        assert_eq!(world.taken().len(), 1, "{why}");
    }
    assert_eq!(trap.counts.connections(), 0);
}

#[test]
fn the_number_of_redirects_has_an_end() {
    let world = World::new();
    let reply = world.send(308, "location: /v1/from\r\n", &world.request("POST"), None);
    world.assert_refused(&reply, 308, "a loop");
    assert_eq!(world.taken().len(), 4);

    let mut request = world.request("GET");
    request["policy"]["max_redirects"] = json!(1);
    let reply = world.send(301, "location: /v1/to\r\n", &request, None);
    assert_eq!(reply.http_status(), Some(200), "one is allowed: {reply:?}");
}

#[test]
fn locations_are_relative_missing_or_double() {
    let world = World::new();
    let port = world.first.address.port();
    for (location, path) in [
        ("to", "/v1/to"),
        ("./to/", "/v1/to/"),
        ("../v1/to", "/v1/to"),
        ("?a=b", "/v1/from?a=b"),
        (&format!("//localhost:{port}/v1/to"), "/v1/to"),
        (&format!("HTTPS://LOCALHOST:{port}/v1/to"), "/v1/to"),
    ] {
        let mut request = world.request("GET");
        request["policy"]["max_redirects"] = json!(1);
        world.send(302, &format!("location: {location}\r\n"), &request, None);
        let taken = world.taken();
        assert_eq!(taken.last().map(Received::line), Some(&*format!("GET {path} HTTP/1.1")), "{location}");
        assert_eq!(taken.len(), 2);
    }
    // A redirect without a location cannot be followed, so the caller gets the response.
    let reply = world.send(302, "", &world.request("GET"), None);
    assert_eq!(reply.http_status(), Some(302), "{reply:?}");
    assert_eq!(world.send(304, "location: /v1/to\r\n", &world.request("GET"), None).http_status(), Some(304));
    world.taken();
    let reply = world.send(302, "location: /v1/to\r\nlocation: /v1/to\r\n", &world.request("GET"), None);
    world.assert_refused(&reply, 302, "two locations");
    assert_eq!(world.taken().len(), 1);
}
