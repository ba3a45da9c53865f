//! Assertions that a token endpoint refuses, on a host whose clock is off.

use serde_json::{Value, json};

use crate::support::clock::{date, takes};
use crate::support::jwt::{key, read_jwt};
use crate::support::oauth::{Site, requests, response, token};
use crate::support::server::Received;

const TEN_YEARS: i64 = 315_576_000;

/// A token endpoint whose clock is so far ahead, and which takes no assertion but of its minute; none at all without `takes_any`.
fn site(ahead: i64, error: &'static str, takes_any: bool) -> Site {
    Site::new(move |_, received| {
        let taken = takes_any && takes(ahead, issued(received));
        let response = if taken { token("t") } else { response("400 Bad Request", &json!({"error": error})) };
        response.replacen("\r\n", &format!("\r\ndate: {}\r\n", date(ahead)), 1)
    })
}

/// When the assertion of a token request says that it was made.
fn issued(received: &Received) -> i64 {
    let mut form = url::form_urlencoded::parse(&received.body);
    let (_, assertion) = form.find(|(name, _)| name.ends_with("assertion")).expect("an assertion");
    read_jwt(&assertion).1["iat"].as_i64().expect("a time")
}

/// Both kinds of assertions, and how they are refused.
fn kinds(site: &Site) -> [(&'static str, Value); 2] {
    let ports = [site.endpoint.address.port(), site.api.address.port()];
    let hosts = ports.map(|port| format!("localhost:{port}"));
    let keyed = json!({
        "private_key": key("p256-pkcs8"), "alg": "ES256", "token_url": site.token_url(), "binding": {"hosts": hosts},
    });
    let (mut bearer, mut client) = (keyed.clone(), keyed);
    bearer["iss"] = json!("robot");
    client["client_id"] = json!("robot");
    client["client_auth"] = json!("private_key_jwt");
    [("oauth2_jwt_bearer", bearer), ("oauth2_client_credentials", client)]
}

#[test]
fn a_clock_that_is_off_by_little_is_corrected_for_one_request() {
    for ahead in [890, -890] {
        for error in ["invalid_grant", "invalid_client"] {
            let site = site(ahead, error, true);
            for (kind, payload) in kinds(&site) {
                let before = site.asked();
                let reply = site.call("GET", &payload, |request| request["credentials"][0]["type"] = json!(kind));
                assert_eq!((reply.http_status(), requests(&reply)), (Some(200), 2), "{kind} {ahead}: {}", reply.head);
                assert_eq!(site.asked() - before, 2, "{kind} {ahead}");
            }
        }
    }
}

#[test]
fn no_assertion_is_made_for_a_clock_that_is_far_off() {
    for (ahead, told) in [(TEN_YEARS, "behind the server's"), (-910, "ahead of the server's")] {
        let site = site(ahead, "invalid_grant", true);
        for (index, (kind, payload)) in kinds(&site).into_iter().enumerate() {
            let refused = site.call("GET", &payload, |request| request["credentials"][0]["type"] = json!(kind));
            assert_eq!(refused.code(), "credential.clock_skew", "{kind} {ahead}: {}", refused.head);
            let error = &refused.head["error"];
            let message = error["message"].as_str().expect("a message");
            assert!(message.contains(told) && message.contains("invalid_grant"), "{message}");
            assert_eq!((&error["sent"], &error["retryable"]), (&json!("no"), &json!(false)));
            assert_eq!((site.asked(), site.api.counts.requests()), (index + 1, 0), "{kind} {ahead}");
        }
    }
}

#[test]
fn a_request_that_is_refused_once_more_is_refused_for_what_the_endpoint_says() {
    let site = site(600, "invalid_grant", false);
    let (kind, payload) = &kinds(&site)[0];
    let refused = site.call("GET", payload, |request| request["credentials"][0]["type"] = json!(kind));
    assert_eq!((refused.code(), site.asked()), ("oauth.token_endpoint_rejected", 2), "{}", refused.head);
    let message = refused.head["error"]["message"].as_str().expect("a message");
    assert!(message.contains("the client: invalid_grant; this host's clock is "), "{message}");
}

#[test]
fn other_refusals_and_clients_with_a_secret_are_refused_at_once() {
    let other = site(600, "invalid_scope", true);
    let (kind, payload) = &kinds(&other)[0];
    let refused = other.call("GET", payload, |request| request["credentials"][0]["type"] = json!(kind));
    assert_eq!((refused.code(), other.asked()), ("oauth.token_endpoint_rejected", 1), "{}", refused.head);

    let with_secret = Site::new(move |_, _| {
        let refused = response("400 Bad Request", &json!({"error": "invalid_client"}));
        refused.replacen("\r\n", &format!("\r\ndate: {}\r\n", date(600)), 1)
    });
    let refused = with_secret.get();
    assert_eq!((refused.code(), with_secret.asked()), ("oauth.token_endpoint_rejected", 1), "{}", refused.head);
}
