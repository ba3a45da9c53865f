//! Tokens that a sealed key signs: what they say, who can verify them, and how they are kept.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::jwt::{key, read_jwt, verifies, verifies_with};
use crate::support::library::{Reply, close, open, send};
use crate::support::oauth::{Site, requests, sealed, token};

/// An API that takes every token, and an endpoint that nobody asks.
fn site() -> Site {
    Site::new(|_, _| token("asked"))
}

fn payload(site: &Site, name: &str, alg: &str) -> Value {
    json!({
        "private_key": key(name), "alg": alg,
        "binding": {"hosts": [format!("localhost:{}", site.api.address.port())]},
    })
}

fn call(site: &Site, payload: &Value) -> Reply {
    site.call("GET", payload, |request| request["credentials"][0]["type"] = json!("jwt"))
}

/// The token that the API got, which it says back.
fn said(reply: &Reply) -> String {
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    String::from_utf8(reply.body.clone()).expect("text")
}

#[test]
fn the_token_says_what_was_sealed_and_when() {
    let site = site();
    let mut payload = payload(&site, "p256-pkcs8", "ES256");
    for (name, value) in [
        ("iss", json!("57246542-96fe")),
        ("sub", json!("user")),
        ("aud", json!("appstoreconnect-v1")),
        ("kid", json!("2X9R4HXF34")),
        ("lifetime", json!(1200)),
        ("claims", json!({"bid": "com.example", "scope": ["GET /v1/apps"]})),
    ] {
        payload[name] = value;
    }
    let reply = call(&site, &payload);
    let (header, claims, signed, signature) = read_jwt(&said(&reply));
    assert_eq!(header, json!({"alg": "ES256", "typ": "JWT", "kid": "2X9R4HXF34"}));
    let issued = claims["iat"].as_u64().expect("a time");
    assert!(issued.abs_diff(SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs()) < 60);
    assert_eq!(
        claims,
        json!({
            "iss": "57246542-96fe", "sub": "user", "aud": "appstoreconnect-v1", "iat": issued, "exp": issued + 1200,
            "bid": "com.example", "scope": ["GET /v1/apps"],
        })
    );
    assert!(verifies(site.authority.directory(), "p256", &signed, &signature));
    assert_eq!((site.asked(), requests(&reply)), (0, 0), "nobody is asked");
    assert_eq!(reply.head["headers"][0], json!(["x-echo", "[redacted]"]));

    payload["exp"] = json!(false);
    payload["claims"] = json!({});
    let (_, claims, ..) = read_jwt(&said(&call(&site, &payload)));
    let names: BTreeSet<&str> = claims.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["iss", "sub", "aud", "iat"]));
}

#[test]
fn what_was_not_sealed_is_left_out() {
    let site = site();
    let (header, claims, ..) = read_jwt(&said(&call(&site, &payload(&site, "rsa-pkcs1", "RS256"))));
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT"}));
    let issued = claims["iat"].as_u64().expect("a time");
    assert_eq!(claims, json!({"iat": issued, "exp": issued + 600}));
}

#[test]
fn openssl_verifies_it_and_refuses_a_flipped_bit() {
    let site = site();
    let directory = site.authority.directory();
    let pss: &[&str] = &["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];
    for (name, form, alg, length, options) in [
        ("p256", "p256-sec1", "ES256", 64, &[][..]),
        ("rsa", "rsa-pkcs8", "RS256", 256, &[]),
        ("rsa", "rsa-pkcs1", "PS256", 256, pss),
    ] {
        let (_, _, signed, mut signature) = read_jwt(&said(&call(&site, &payload(&site, form, alg))));
        assert_eq!(signature.len(), length, "{alg}");
        assert!(verifies_with(directory, name, options, &signed, &signature), "{alg}");
        signature[length / 2] ^= 1;
        assert!(!verifies_with(directory, name, options, &signed, &signature), "{alg}");
    }
}

/// What a worker has is an engine, and settings that differ make another.
#[test]
fn one_token_serves_all_calls_of_a_host() {
    let directory = std::cell::RefCell::new(None);
    let site = Site::with(
        |configuration| {
            let path = configuration["tls"]["ca_file"].as_str().expect("a path").to_owned();
            let shared = std::path::Path::new(&path).parent().expect("a directory").join("tokens");
            fs::create_dir(&shared).expect("a directory");
            fs::set_permissions(&shared, fs::Permissions::from_mode(0o700)).expect("ours");
            configuration["token_cache"] = json!({"directory": shared});
            directory.replace(Some(shared));
        },
        |_, _| token("asked"),
        |_| true,
    );
    let payload = payload(&site, "p256-pkcs8", "ES256");
    let first = said(&call(&site, &payload));
    assert_eq!(said(&call(&site, &payload)), first, "in the process");
    let mut configuration = site.configuration.clone();
    configuration["defaults"]["timeout_ms"] = json!(29_000);
    let (status, other, head) = open(&configuration);
    assert_eq!(status, 0, "{head}");
    let mut request = site.request("GET");
    request["credentials"][0]["type"] = json!("jwt");
    assert_eq!(said(&send(other, &request, b"", &sealed(&payload))), first, "and beside it");
    close(other);
    let directory = directory.into_inner().expect("it was made");
    let files: Vec<_> =
        fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("a file").path()).collect();
    let kept = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "token")).count();
    assert_eq!(kept, 1, "{files:?}");

    let mut another = payload.clone();
    another["iss"] = json!("another");
    assert_ne!(said(&call(&site, &another)), first, "another envelope has another token");
    assert_eq!(site.asked(), 0);
}

/// The API takes no token but the second.
#[test]
fn after_a_401_it_is_made_anew_once() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let known = std::sync::Arc::clone(&seen);
    let site = Site::with(
        |_| {},
        |_, _| token("asked"),
        move |token| {
            let mut known = known.lock().expect("no poison");
            if !known.iter().any(|known| known == token) {
                known.push(token.to_owned());
            }
            known.get(1).is_some_and(|second| second == token)
        },
    );
    let payload = payload(&site, "p256-pkcs8", "ES256");
    let reply = call(&site, &payload);
    let token = said(&reply);
    assert_eq!((&reply.head["audit"]["attempts"], requests(&reply)), (&json!(2), 0));
    assert_eq!(said(&call(&site, &payload)), token, "and is kept");
    assert_eq!((seen.lock().expect("no poison").len(), site.api.counts.requests()), (2, 3));
}

#[test]
fn a_key_that_does_not_fit_and_a_filled_header_reach_nobody() {
    let site = site();
    let fitting = payload(&site, "rsa-pkcs8", "RS256");
    for (name, value, why) in [
        ("alg", json!("ES256"), "ES256 needs a whole key of the curve P-256"),
        ("private_key", json!(key("rsa-1024")), "RS256 needs a whole RSA key of 2048 to 8192 bits"),
        ("lifetime", json!(60), "does not have the form of its type"),
        ("binding", json!({"methods": ["GET"]}), "does not have the form of its type"),
    ] {
        let mut payload = fitting.clone();
        payload[name] = value;
        let refused = call(&site, &payload);
        assert_eq!(refused.code(), "credential.payload_invalid", "{why}: {}", refused.head);
        let message = refused.head["error"]["message"].as_str().expect("a message");
        assert!(message.contains(why), "{why}: {message}");
        assert_eq!(refused.head["error"]["sent"], json!("no"));
    }
    let mut elsewhere = fitting.clone();
    elsewhere["binding"] = json!({"hosts": ["elsewhere.example"]});
    assert_eq!(call(&site, &elsewhere).code(), "policy.binding_violated");
    let filled = site.call("GET", &fitting, |request| {
        request["credentials"][0]["type"] = json!("jwt");
        request["headers"] = json!([["authorization", "Bearer mine"]]);
    });
    assert_eq!(filled.code(), "policy.header_not_allowed", "{}", filled.head);
    assert_eq!((site.asked(), site.api.counts.requests()), (0, 0));
}
