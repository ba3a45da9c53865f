//! Signed tokens that are exchanged for the one that the API takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::clock::{date, now, takes};
use crate::support::jwt::{key, read_jwt, verifies};
use crate::support::library::Reply;
use crate::support::oauth::{Site, nth, requests, response};
use crate::support::server::Received;

/// A response as GitHub's.
fn installation(token: impl Into<String>, ahead: i64) -> String {
    let end = now(ahead + 3600).to_string();
    let body = json!({"token": token.into(), "expires_at": end, "permissions": {"contents": "read"}});
    response("201 Created", &body).replacen("\r\n", &format!("\r\ndate: {}\r\n", date(ahead)), 1)
}

fn payload(site: &Site) -> Value {
    let ports = [site.endpoint.address.port(), site.api.address.port()];
    json!({
        "private_key": key("p256-pkcs8"), "alg": "ES256", "iss": "app",
        "exchange": {"url": format!("{}/app/installations/1/access_tokens", site.endpoint.url("https", "localhost"))},
        "binding": {"hosts": ports.map(|port| format!("localhost:{port}"))},
    })
}

fn call(site: &Site, payload: &Value) -> Reply {
    site.call("GET", payload, |request| request["credentials"][0]["type"] = json!("jwt"))
}

fn bearer(received: &Received) -> &str {
    received.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).expect("a token")
}

#[test]
fn the_token_of_the_response_is_what_the_api_gets() {
    let site = Site::new(|n, _| installation(nth(n), 0));
    let mut payload = payload(&site);
    payload["exchange"]["body"] = json!({"permissions": {"contents": "read"}});
    let reply = call(&site, &payload);
    assert_eq!(
        (reply.http_status(), &*reply.body, requests(&reply)),
        (Some(200), &b"token-0"[..], 1),
        "{}",
        reply.head
    );
    assert_eq!(reply.head["headers"][0], json!(["x-echo", "[redacted]"]));
    let asked = site.endpoint.counts.last();
    assert_eq!(asked.line(), "POST /app/installations/1/access_tokens HTTP/1.1");
    assert_eq!(asked.body, br#"{"permissions":{"contents":"read"}}"#);
    assert_eq!(
        (asked.header("content-type"), asked.header("accept")),
        (Some("application/json"), Some("application/json"))
    );
    let (_, claims, signed, signature) = read_jwt(bearer(&asked));
    assert_eq!(claims["iss"], json!("app"));
    assert!(verifies(site.authority.directory(), "p256", &signed, &signature));

    let again = call(&site, &payload);
    assert_eq!((&*again.body, requests(&again), site.asked()), (&b"token-0"[..], 0, 1), "it is kept");
}

#[test]
fn a_token_that_the_api_rejects_is_exchanged_anew() {
    let site = Site::with(|_| {}, |n, _| installation(nth(n), 0), |token| token == "token-1");
    let reply = call(&site, &payload(&site));
    assert_eq!((reply.http_status(), requests(&reply), site.asked()), (Some(200), 2, 2), "{}", reply.head);
}

/// By the clock of who says when it ends, whose hour is not over.
#[test]
fn a_token_lives_as_long_as_its_response_says() {
    for (response_of, lives) in [
        (installation("t", -3600), true),
        (response("200 OK", &json!({"token": "t"})), true),
        (response("200 OK", &json!({"token": "t", "expires_in": 60})), true),
        (response("200 OK", &json!({"token": "t", "expires_at": null, "expires_in": 60})), true),
        (response("200 OK", &json!({"token": "t", "expires_in": 0})), false),
        (response("200 OK", &json!({"token": "t", "expires_at": "2020-01-01T00:00:00Z"})), false),
        (response("200 OK", &json!({"token": "t", "expires_at": 3600})), false),
        (response("200 OK", &json!({"access_token": "t"})), false),
        (response("200 OK", &json!({"token": "a b"})), false),
        (response("200 OK", &json!({"token": ""})), false),
        (response("200 OK", &json!(["token"])), false),
        (response("302 Found", &json!({"token": "t"})), false),
    ] {
        let site = Site::new({
            let response_of = response_of.clone();
            move |_, _| response_of.clone()
        });
        let reply = call(&site, &payload(&site));
        match lives {
            true => assert_eq!((reply.http_status(), &*reply.body), (Some(200), &b"t"[..]), "{response_of}"),
            false => assert_eq!(reply.code(), "oauth.token_response_invalid", "{response_of}: {}", reply.head),
        }
    }
}

#[test]
fn a_refusal_has_its_code_and_repeats_nothing() {
    for (status, code) in [
        ("404 Not Found", "oauth.token_endpoint_rejected"),
        ("401 Unauthorized", "oauth.token_endpoint_rejected"),
        ("503 Not Now", "oauth.token_endpoint_unreachable"),
    ] {
        let site = Site::new(move |_, received| response(status, &json!({"message": bearer(received)})));
        let refused = call(&site, &payload(&site));
        assert_eq!((refused.code(), site.asked(), site.api.counts.requests()), (code, 1, 0), "{status}");
        assert!(!refused.head.to_string().contains("eyJ"), "{}", refused.head);
    }
}

#[test]
fn a_clock_that_is_off_is_corrected_for_one_exchange() {
    let refusals = Arc::new(AtomicUsize::new(0));
    let refused = Arc::clone(&refusals);
    let site = |ahead: i64| {
        let refused = Arc::clone(&refused);
        Site::new(move |_, received| {
            if takes(ahead, read_jwt(bearer(received)).1["iat"].as_i64().expect("a time")) {
                return installation("t", ahead);
            }
            refused.fetch_add(1, Ordering::SeqCst);
            let body = json!({"message": "'Issued at' claim ('iat') must be an Integer representing the time"});
            response("401 Unauthorized", &body).replacen("\r\n", &format!("\r\ndate: {}\r\n", date(ahead)), 1)
        })
    };
    let near = site(-600);
    let reply = call(&near, &payload(&near));
    assert_eq!(
        (reply.http_status(), requests(&reply), refusals.load(Ordering::SeqCst)),
        (Some(200), 2, 1),
        "{}",
        reply.head
    );
    let far = site(315_576_000);
    assert_eq!((call(&far, &payload(&far)).code(), far.asked()), ("credential.clock_skew", 1));
}

/// The API is the one that exchanges, as GitHub's is. However the URL is written, the service's own call to it is none.
#[test]
fn no_service_calls_where_it_is_exchanged() {
    let site = Site::new(|_, _| installation("t", 0));
    let mut payload = payload(&site);
    payload["exchange"]["url"] = json!(format!("{}/app/access_tokens", site.api.url("https", "localhost")));
    for path in ["/app/access_tokens", "/app/access_tokens/", "/App/Access_Tokens", "/app/access_tokens?a=b"] {
        let (path, query) = path.split_once('?').map_or((path, json!([])), |(path, _)| (path, json!([["a", "b"]])));
        let refused = site.call("GET", &payload, |request| {
            request["credentials"][0]["type"] = json!("jwt");
            request["path"] = json!(path);
            request["query"] = query;
        });
        assert_eq!(refused.code(), "policy.binding_violated", "{path}: {}", refused.head);
    }
    assert_eq!((site.asked(), site.api.counts.requests()), (0, 0));
    payload["exchange"]["url"] = json!("https://elsewhere.example/");
    assert_eq!(call(&site, &payload).code(), "policy.binding_violated", "the exchange is bound as well");
    assert_eq!((site.asked(), site.api.counts.requests()), (0, 0));
}
