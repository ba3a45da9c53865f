//! `secure_outbound_check` says whether a call could use these envelopes, with the code that the call would have, and sends
//! nothing.

#![allow(unsafe_code)]

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use crate::support;
use crate::support::library::{Frame, check, explain, library, open, send};
use crate::support::server::{Authority, Server, configuration, request};

const KEY: [u8; 32] = [1; 32];
const ID: &str = "my_api_key";

pub fn engine(more: &Value) -> u64 {
    let key = json!({"provider": "raw", "key_base64": support::encode(&KEY)});
    let mut configuration = json!({"version": 1, "master_keys": [key]});
    configuration.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
    let (status, engine, head) = open(&configuration);
    assert_eq!(status, 0, "{head}");
    engine
}

/// A request for the base path of a service, which its policy need not allow.
fn wanted(kind: &str) -> Value {
    json!({
        "version": 1, "service_id": "crm", "method": "GET", "base_url": "https://api.example.com/v1", "path": "",
        "credentials": [{"identifier": ID, "type": kind}],
        "policy": {"allowed_methods": ["GET", "POST"], "allowed_paths": ["/v1/contacts/{id}"]},
    })
}

fn sealed(payload: &Value) -> String {
    sealed_as(ID, payload)
}

/// A grant with the key of this file, bound to this host and to that of its token endpoint.
fn assertion(name: &str, alg: &str, host: &str) -> Value {
    let file = format!("{}/tests/vectors/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    json!({
        "private_key": std::fs::read_to_string(file).expect("a key"), "alg": alg, "iss": "i",
        "token_url": "https://id.example.com/token", "binding": {"hosts": [host, "id.example.com"]},
    })
}

/// An envelope with this identifier, which may be that of another credential.
pub fn sealed_as(identifier: &str, payload: &Value) -> String {
    support::seal(payload.to_string().as_bytes(), identifier, &KEY, Algorithm::XChaCha20Poly1305)
}

pub fn code(engine: u64, request: &Value, sealed: &str) -> Option<String> {
    let (status, code) = check(engine, request, sealed);
    assert_eq!(status, i32::from(code.is_some()));
    code
}

#[test]
fn a_credential_that_can_be_used_has_no_code() {
    let engine = engine(&json!({}));
    for binding in
        [json!({"hosts": ["api.example.com"]}), json!({"paths": ["/v1/contacts/7"]}), json!({"methods": ["GET"]})]
    {
        let payload = json!({"type": "bearer", "token": "t", "binding": binding});
        assert_eq!(code(engine, &wanted("bearer"), &sealed(&payload)), None, "{binding}");
    }
    let client = json!({"client_id": "c", "client_secret": "s", "token_url": "https://id.example.com/token"});
    assert_eq!(code(engine, &wanted("oauth2_client_credentials"), &sealed(&client)), None);
    for (name, alg) in [("rsa-pkcs1", "RS256"), ("p256-sec1", "ES256")] {
        let payload = sealed(&assertion(name, alg, "api.example.com"));
        assert_eq!(code(engine, &wanted("oauth2_jwt_bearer"), &payload), None, "{name}");
    }
}

#[test]
fn each_fault_has_the_code_that_a_call_would_have() {
    let engine = engine(&json!({}));
    let token = |binding: Value| sealed(&json!({"token": "s3cr3t", "binding": binding}));
    let another = support::seal(br#"{"token": "t"}"#, ID, &[2; 32], Algorithm::Aes256Gcm);
    let moved = support::seal(br#"{"token": "t"}"#, "another", &KEY, Algorithm::Aes256Gcm);
    for (kind, envelope, expected) in [
        ("bearer", another, "credential.authentication_failed"),
        ("bearer", moved, "credential.authentication_failed"),
        ("bearer", "garbage".to_owned(), "credential.malformed"),
        ("bearer", String::new(), "credential.malformed"),
        ("api_key", token(json!({})), "credential.payload_invalid"),
        ("bearer", sealed(&json!({"type": "basic", "token": "t"})), "credential.payload_invalid"),
        ("bearer", token(json!({"expires_at": "2020-01-01T00:00:00Z"})), "credential.expired"),
        ("bearer", token(json!({"hosts": ["other.example.com"]})), "policy.binding_violated"),
        ("bearer", token(json!({"hosts": ["http://api.example.com"]})), "policy.binding_violated"),
        ("bearer", token(json!({"methods": ["POST"]})), "policy.binding_violated"),
        ("bearer", token(json!({"hosts": ["a b"]})), "credential.payload_invalid"),
        (
            "oauth2_client_credentials",
            sealed(&json!({"client_id": "c", "client_secret": "s", "token_url": "http://id.example.com/token"})),
            "policy.scheme_not_allowed",
        ),
        ("oauth2_jwt_bearer", sealed(&assertion("rsa-pkcs8", "RS256", "other.example.com")), "policy.binding_violated"),
        (
            "oauth2_jwt_bearer",
            sealed(&assertion("rsa-pkcs8", "ES256", "api.example.com")),
            "credential.payload_invalid",
        ),
        ("oauth2_jwt_bearer", sealed(&assertion("p384", "ES256", "api.example.com")), "credential.payload_invalid"),
    ] {
        assert_eq!(code(engine, &wanted(kind), &envelope).as_deref(), Some(expected));
        let mut request = wanted(kind);
        request["path"] = json!("contacts/7");
        assert_eq!(send(engine, &request, b"", &envelope).code(), expected, "the same as a call");
    }
}

#[test]
fn what_the_request_itself_lacks_is_found_as_well() {
    let binding = engine(&json!({"limits": {"require_binding": true}}));
    let keyless = engine(&json!({"master_keys": []}));
    let plain = sealed(&json!({"token": "t"}));
    assert_eq!(code(binding, &wanted("bearer"), &plain).as_deref(), Some("policy.binding_violated"));
    assert_eq!(code(keyless, &wanted("bearer"), &plain).as_deref(), Some("credential.key_unavailable"));
    let engine = engine(&json!({}));
    for (change, value, expected) in [
        ("/method", json!("DELETE"), "policy.method_not_allowed"),
        ("/policy", Value::Null, "policy.missing"),
        ("/credentials", json!([]), "invalid_request.malformed"),
        ("/credentials/0/type", json!("secret"), "invalid_request.malformed"),
        ("/base_url", json!("http://api.example.com"), "policy.scheme_not_allowed"),
    ] {
        let mut request = wanted("bearer");
        *request.pointer_mut(change).expect("a key") = value;
        assert_eq!(code(engine, &request, &plain).as_deref(), Some(expected), "{change}");
    }
    let mut several = wanted("bearer");
    several["credentials"] =
        json!([{"identifier": ID, "type": "secret", "placement": "api_key"}, {"identifier": ID, "type": "bearer"}]);
    assert_eq!(
        code(engine, &several, &json!([plain, plain]).to_string()).as_deref(),
        Some("credential.payload_invalid")
    );
}

#[test]
fn it_is_no_call() {
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), |_| true);
    let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
    configuration["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
    let (_, engine, _) = open(&configuration);
    let mut request = request("GET", &server.url("https", "localhost"), "/");
    request["credentials"] = json!([{"identifier": ID, "type": "bearer"}]);
    request["policy"]["breaker"] = json!({"failures": 1, "open_ms": 60_000});
    for _ in 0..3 {
        assert_eq!(code(engine, &request, "garbage").as_deref(), Some("credential.malformed"));
        assert_eq!(code(engine, &request, &sealed(&json!({"token": "t"}))), None);
    }
    assert_eq!(explain(engine, &request, 0).0, 0, "no breaker is open");
    assert_eq!(server.counts.connections(), 0);
}

#[test]
fn misuse_of_the_abi_has_its_own_results() {
    let engine = engine(&json!({}));
    let (null, some) = (std::ptr::null(), c"{}".as_ptr());
    let mut frame = Frame::rubbish();
    let check = library().check;
    // SAFETY: NULL is what is tested; no other pointer is read beyond its length.
    unsafe {
        assert_eq!(check(engine, some, 2, some, 2, std::ptr::null_mut()), -1);
        assert_eq!(check(engine, null, 2, some, 2, &mut frame), -1);
        assert_eq!(check(engine, some, 2, null, 2, &mut frame), -1);
        assert_eq!(check(engine, some, 2, some, usize::MAX, &mut frame), -2);
        assert_eq!(check(0, some, 2, some, 2, &mut frame), -3);
        assert_eq!((frame.id, frame.head.is_null()), (0, true));
        assert_eq!(check(engine, null, 0, null, 0, &mut frame), 1);
        assert_eq!(frame.read().0, json!({"version": 1, "code": "invalid_request.malformed"}));
        (library().free)(&mut frame);
    }
}
