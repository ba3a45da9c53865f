//! Tokens that a signed assertion is exchanged for: what it says, who can verify it, and what is refused before any is made.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::jwt::{key, read_jwt, verifies, verifies_with};
use crate::support::library::Reply;
use crate::support::oauth::{Site, nth, requests, response, token};
use crate::support::server::Received;

fn payload(site: &Site, name: &str, alg: &str) -> Value {
    let ports = [site.endpoint.address.port(), site.api.address.port()];
    json!({
        "private_key": key(name), "alg": alg, "iss": "robot@project.example", "token_url": site.token_url(),
        "binding": {"hosts": ports.map(|port| format!("localhost:{port}"))},
    })
}

fn call(site: &Site, payload: &Value) -> Reply {
    site.call("GET", payload, |request| {
        request["credentials"][0]["type"] = json!("oauth2_jwt_bearer");
    })
}

/// The pairs of the last token request's form.
fn form(site: &Site) -> Vec<(String, String)> {
    let body = site.endpoint.counts.last().body;
    url::form_urlencoded::parse(&body).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The last assertion.
fn assertion(site: &Site) -> (Value, Value, String, Vec<u8>) {
    let form = form(site);
    let (_, text) = form.iter().find(|(name, _)| name.ends_with("assertion")).expect("an assertion");
    read_jwt(text)
}

#[test]
fn the_assertion_says_what_was_sealed_and_when() {
    let site = Site::new(|_, _| token("t"));
    let mut payload = payload(&site, "rsa-pkcs8", "RS256");
    payload["sub"] = json!("user@example.org");
    payload["assertion_audience"] = json!("https://login.example/");
    payload["lifetime"] = json!(3600);
    payload["kid"] = json!("k\"1");
    payload["scopes"] = json!(["read", "write:all"]);
    payload["claims"] = json!({"scope": "a b", "box": {"n": [1, null, "ü\""]}});
    payload["fields"] = json!({"client_id": "c", "client secret": "s&ä"});
    assert_eq!(call(&site, &payload).http_status(), Some(200));

    let (header, claims, signed, signature) = assertion(&site);
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "k\"1"}));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs();
    let issued = claims["iat"].as_u64().expect("a time");
    assert!(issued.abs_diff(now) < 60, "{claims}");
    let id = claims["jti"].as_str().expect("an id");
    assert_eq!(id.len(), 22, "128 bits: {id}");
    assert_eq!(
        claims,
        json!({
            "iss": "robot@project.example", "sub": "user@example.org", "aud": "https://login.example/",
            "iat": issued, "exp": issued + 3600, "jti": id, "scope": "a b", "box": {"n": [1, null, "ü\""]},
        })
    );
    assert!(verifies(site.authority.directory(), "rsa", &signed, &signature));

    let pairs = form(&site);
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["grant_type", "assertion", "scope", "client secret", "client_id"]);
    assert_eq!(pairs[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!((&*pairs[2].1, &*pairs[3].1, &*pairs[4].1), ("read write:all", "s&ä", "c"));
    assert_eq!(site.endpoint.counts.last().header("authorization"), None);
}

#[test]
fn what_was_not_sealed_has_a_default() {
    let site = Site::new(|_, _| token("t"));
    assert_eq!(call(&site, &payload(&site, "p256-sec1", "ES256")).http_status(), Some(200));
    let (header, claims, ..) = assertion(&site);
    assert_eq!(header, json!({"alg": "ES256", "typ": "JWT"}));
    assert_eq!(claims["aud"], json!(site.token_url()));
    assert_eq!(claims["exp"].as_u64(), claims["iat"].as_u64().map(|issued| issued + 300));
    assert_eq!(claims.as_object().map(serde_json::Map::len), Some(5), "iss, aud, iat, exp, jti: {claims}");
    assert_eq!(form(&site).len(), 2);
}

#[test]
fn openssl_verifies_it_and_refuses_a_flipped_bit() {
    let site = Site::new(|_, _| token("t"));
    let directory = site.authority.directory();
    for (name, form, alg, length) in [
        ("rsa", "rsa-pkcs1", "RS256", 256),
        ("rsa", "rsa-pkcs8", "RS256", 256),
        ("p256", "p256-sec1", "ES256", 64),
        ("p256", "p256-pkcs8", "ES256", 64),
    ] {
        assert_eq!(call(&site, &payload(&site, form, alg)).http_status(), Some(200), "{form}");
        let (_, _, signed, mut signature) = assertion(&site);
        assert_eq!(signature.len(), length, "{form}");
        assert!(verifies(directory, name, &signed, &signature), "{form}");
        signature[length / 2] ^= 1;
        assert!(!verifies(directory, name, &signed, &signature), "{form}");
    }
}

/// The API takes the second token only.
#[test]
fn its_tokens_are_kept_and_renewed_as_a_clients_are() {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&bodies);
    let respond = move |n, received: &Received| {
        asked.lock().expect("no poison").push(received.body.clone());
        token(nth(n))
    };
    let site = Site::with(|_| {}, respond, |token| token == "token-1");
    let payload = payload(&site, "p256-pkcs8", "ES256");
    let first = call(&site, &payload);
    assert_eq!((first.http_status(), requests(&first), &first.head["audit"]["attempts"]), (Some(200), 2, &json!(2)));
    let again = call(&site, &payload);
    assert_eq!((again.http_status(), requests(&again), site.asked()), (Some(200), 0, 2), "the token is used again");
    let bodies = bodies.lock().expect("no poison");
    assert_ne!(bodies[0], bodies[1], "each request has an assertion of its own");
}

#[test]
fn an_id_token_is_taken_where_a_target_audience_is_sealed() {
    let site = Site::new(|n, _| match n {
        0 => response("200 OK", &json!({"id_token": "e.y.j"})),
        _ => response("200 OK", &json!({"access_token": "t", "token_type": "Bearer"})),
    });
    let mut payload = payload(&site, "p256-pkcs8", "ES256");
    payload["target_audience"] = json!("https://run.example/");
    let reply = call(&site, &payload);
    assert_eq!((reply.http_status(), &*reply.body), (Some(200), &b"e.y.j"[..]));
    assert_eq!(assertion(&site).1["target_audience"], json!("https://run.example/"));
    assert_eq!(reply.head["headers"][0], json!(["x-echo", "[redacted]"]));

    payload["sub"] = json!("another payload");
    let refused = call(&site, &payload);
    assert_eq!(refused.code(), "oauth.token_response_invalid");
    assert!(refused.head["error"]["message"].as_str().is_some_and(|message| message.contains("no id_token")));
}

#[test]
fn a_key_that_does_not_fit_asks_nobody() {
    let site = Site::new(|_, _| token("t"));
    let fitting = payload(&site, "rsa-pkcs8", "RS256");
    let text = key("rsa-pkcs8");
    for (name, value, why) in [
        ("alg", json!("ES256"), "ES256 needs a whole key of the curve P-256"),
        ("private_key", json!(key("p256-pkcs8")), "RS256 needs a whole RSA key of 2048 to 8192 bits"),
        ("private_key", json!(key("rsa-1024")), "RS256 needs a whole RSA key of 2048 to 8192 bits"),
        ("private_key", json!(key("rsa-public")), "its block is PUBLIC KEY"),
        ("private_key", json!(text.replacen("\nM", "\nA", 1)), "RS256 needs a whole RSA key"),
        ("private_key", json!(text.replace("PRIVATE", "ENCRYPTED PRIVATE")), "it is encrypted"),
        ("private_key", json!("s3cr3t"), "not one block of PEM"),
    ] {
        let mut payload = fitting.clone();
        payload[name] = value;
        let refused = call(&site, &payload);
        assert_eq!(refused.code(), "credential.payload_invalid", "{why}: {}", refused.head);
        let message = refused.head["error"]["message"].as_str().expect("a message");
        assert!(message.contains(why), "{why}: {message}");
        assert_eq!(refused.head["error"]["sent"], json!("no"));
        assert!(!refused.head.to_string().contains("s3cr3t") && !refused.head.to_string().contains("MII"));
    }
    assert_eq!((site.asked(), site.api.counts.requests()), (0, 0));
}

/// The endpoint and the API say back what they were told.
#[test]
fn an_assertion_that_comes_back_is_shown_to_nobody() {
    let said = |received: &Received| {
        url::form_urlencoded::parse(&received.body).find(|(name, _)| name == "assertion").expect("one").1.into_owned()
    };
    let site = Site::new(move |n, received| match n {
        0 => response("400 Bad Request", &json!({"error": said(received), "error_description": said(received)})),
        _ => token(said(received)),
    });
    let mut payload = payload(&site, "p256-pkcs8", "ES256");
    let refused = call(&site, &payload);
    assert_eq!(refused.code(), "oauth.token_endpoint_rejected");
    assert!(!refused.head.to_string().contains("eyJ"), "{}", refused.head);

    payload["sub"] = json!("another payload");
    let reply = call(&site, &payload);
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    assert!(!reply.head.to_string().contains("eyJ"), "{}", reply.head);
}

#[test]
fn a_client_with_a_key_says_who_it_is_by_an_assertion() {
    let site = Site::new(|n, _| token(nth(n)));
    let mut payload = payload(&site, "rsa-pkcs8", "PS256");
    let object = payload.as_object_mut().expect("an object");
    object.remove("iss");
    object.extend(
        json!({
            "client_id": "app", "client_auth": "private_key_jwt", "kid": "k", "scopes": ["read"], "audience": "a",
            "x5t#S256": "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        })
        .as_object()
        .cloned()
        .expect("an object"),
    );
    assert_eq!(site.call("GET", &payload, |_| {}).http_status(), Some(200));
    let (header, claims, signed, mut signature) = assertion(&site);
    let thumbprint = payload["x5t#S256"].clone();
    assert_eq!(header, json!({"alg": "PS256", "typ": "JWT", "kid": "k", "x5t#S256": thumbprint}));
    let (issued, id) = (claims["iat"].as_u64().expect("a time"), claims["jti"].clone());
    let expected = json!({
        "iss": "app", "sub": "app", "aud": site.token_url(), "iat": issued, "exp": issued + 300, "jti": id,
    });
    assert_eq!(claims, expected);
    let pairs = form(&site);
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["grant_type", "client_id", "client_assertion_type", "client_assertion", "scope", "audience"]);
    assert_eq!((&*pairs[0].1, &*pairs[1].1), ("client_credentials", "app"));
    assert_eq!(pairs[2].1, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");

    let directory = site.authority.directory();
    let salt = |length: &str| {
        let length = format!("rsa_pss_saltlen:{length}");
        let options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", &length];
        verifies_with(directory, "rsa", &options, &signed, &signature)
    };
    assert!(salt("32") && !salt("20"), "the salt is as long as the hash (RFC 7518 section 3.5)");
    signature[100] ^= 1;
    let options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];
    assert!(!verifies_with(directory, "rsa", &options, &signed, &signature));
}
