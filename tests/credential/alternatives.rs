//! Alternatives of a base URL: their form, and that a service is checked with the base URL that its secret selects.

#![allow(unsafe_code)]

use serde_json::{Value, json};

use super::check::{code, engine, sealed_as};
use crate::support::library::explain;

const ID: &str = "deepl_key";

fn wanted(alternatives: &Value) -> Value {
    json!({
        "version": 1, "service_id": "deepl", "method": "POST", "base_url": "https://api.deepl.com/v2", "path": "/translate",
        "credentials": [{"identifier": ID, "type": "bearer"}],
        "policy": {"allowed_methods": ["POST"], "allowed_paths": ["/v2/translate"]},
        "alternatives": alternatives,
    })
}

#[test]
fn what_has_not_their_form_is_malformed() {
    let engine = engine(&json!({}));
    let free = json!({"secret_suffix": ":fx", "base_url": "https://api-free.deepl.com/v2"});
    let with = |key: &str, value: Value| {
        let mut entry = free.clone();
        entry[key] = value;
        json!([entry])
    };
    for alternatives in [
        json!({}),
        json!([{"secret_suffix": ":fx"}]),
        json!([{"base_url": "https://api-free.deepl.com/v2"}]),
        with("secret_suffix", json!("")),
        with("secret_suffix", json!("a b")),
        with("secret_suffix", json!("ü")),
        with("secret_suffix", json!("x".repeat(9))),
        with("base_url", json!("api-free.deepl.com")),
        with("base_url", json!("https://api-free.deepl.com/v2?a=b")),
        with("header", json!("x")),
        json!(vec![free.clone(); 9]),
    ] {
        let (_, head) = explain(engine, &wanted(&alternatives), 0);
        assert_eq!(head["error"]["code"], "invalid_request.malformed", "{alternatives}");
    }
    let (_, head) = explain(engine, &wanted(&json!(vec![free; 8])), 0);
    assert_eq!(head["url"], "https://api.deepl.com/v2/translate", "the decision is about the base URL: {head}");
}

#[test]
fn a_service_is_looked_at_where_its_secret_leads() {
    let engine = engine(&json!({}));
    let request = wanted(&json!([{"secret_suffix": ":fx", "base_url": "https://api-free.deepl.com/v2"}]));
    for (token, host, expected) in [
        ("key:fx", "api-free.deepl.com", None),
        ("key:fx", "api.deepl.com", Some("policy.binding_violated")),
        ("key", "api.deepl.com", None),
        ("key", "api-free.deepl.com", Some("policy.binding_violated")),
    ] {
        let sealed = sealed_as(ID, &json!({"token": token, "binding": {"hosts": [host]}}));
        assert_eq!(code(engine, &request, &sealed).as_deref(), expected, "{token} bound to {host}");
    }
}
