//! A decision from outside: what `send` would be allowed to do, without sending, opening or resolving anything.

#![allow(unsafe_code)]

use serde_json::{Value, json};

use crate::support::library::{Frame, explain, library, open, send};
use crate::support::server::{Authority, Server, configuration, request};

#[test]
fn an_allowed_request_is_shown_in_the_form_that_is_sent() {
    let (_, engine, _) = open(&json!({"version": 1}));
    // The name cannot be resolved and no key opens the credential, which shows that neither is tried.
    let mut request = request("GET", "https://api.invalid/v1", "Kunden/ü b");
    request["query"] = json!([["expand[]", "data"]]);
    request["policy"]["allowed_paths"] = json!(["/v1/{what}/{id}"]);
    request["credentials"] = json!([{"identifier": "my_api_key", "type": "bearer"}]);
    let url = "https://api.invalid/v1/Kunden/%C3%BC%20b?expand%5B%5D=data";
    let expected = json!({"version": 1, "allowed": true, "method": "GET", "url": url, "host": "api.invalid", "port": 443,
                          "path_template": "/v1/{what}/{id}", "http_versions": ["2", "1.1"], "error": null, "audit": null});
    assert_eq!(explain(engine, &request, 0), (0, expected));
    request["base_url"] = json!("https://[2001:DB8::1]:8443/v1");
    let (_, head) = explain(engine, &request, 0);
    assert_eq!((head["host"].as_str(), head["port"].as_u64()), (Some("[2001:db8::1]"), Some(8443)));
}

#[test]
fn a_refusal_is_the_one_that_send_gives() {
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), |_| true);
    let (_, engine, _) = open(&configuration(&authority, &["localhost"], &[server.address.port()]));
    let base = server.url("https", "localhost");
    for (change, value, code) in [
        ("/method", json!("DELETE"), "policy.method_not_allowed"),
        ("/method", json!("get"), "invalid_request.malformed"),
        ("/path", json!("/a/../b"), "policy.path_not_canonical"),
        ("/policy", Value::Null, "policy.missing"),
        ("/policy/allowed_hosts", json!([]), "policy.host_not_allowed"),
        ("/policy/allowed_paths", json!(["/b"]), "policy.path_not_allowed"),
        ("/policy/request_bytes", json!(3), "policy.request_too_large"),
        ("/headers", json!([["host", "other"]]), "policy.header_not_allowed"),
        ("/idempotency_header", json!("Host"), "invalid_request.malformed"),
    ] {
        let mut document = request("POST", &base, "/a");
        document["policy"] =
            json!({"allowed_methods": ["POST"], "allowed_hosts": null, "allowed_paths": null, "request_bytes": null});
        document["headers"] = json!([]);
        document["idempotency_header"] = json!(null);
        *document.pointer_mut(change).expect("a key") = value;
        let (status, head) = explain(engine, &document, 4);
        assert_eq!(
            (status, head["allowed"].as_bool(), head["error"]["code"].as_str()),
            (1, Some(false), Some(code)),
            "{change}"
        );
        assert_eq!(send(engine, &document, b"body", "").code(), code, "{change}");
    }
    assert_eq!(server.counts.connections(), 0);
}

#[test]
fn misuse_of_the_abi_has_its_own_results() {
    let (_, engine, _) = open(&json!({"version": 1}));
    let (null, some) = (std::ptr::null(), c"{}".as_ptr());
    let mut frame = Frame::rubbish();
    let explain = library().explain;
    // SAFETY: NULL is what is tested; no other pointer is read beyond its length.
    unsafe {
        assert_eq!(explain(engine, some, 2, 0, std::ptr::null_mut()), -1);
        assert_eq!(explain(engine, null, 2, 0, &mut frame), -1);
        assert_eq!(explain(engine, some, usize::MAX, 0, &mut frame), -2);
        assert_eq!(explain(0, some, 2, 0, &mut frame), -3);
        assert_eq!((frame.id, frame.head.is_null()), (0, true));
        // An empty request is malformed, and NULL with length 0 is an empty request.
        assert_eq!(explain(engine, null, 0, 0, &mut frame), 1);
        assert_eq!(frame.read().0["error"]["code"], "invalid_request.malformed");
        (library().free)(&mut frame);
    }
}

#[test]
fn a_refusal_is_recorded_with_the_host_that_it_was_for() {
    let (_, engine, _) = open(&json!({"version": 1}));
    let mut request = request("GET", "https://api.example.com:8443", "/");
    request["policy"]["allowed_hosts"] = json!(["other.example.com"]);
    let reply = send(engine, &request, b"", "");
    assert_eq!((reply.code(), reply.sent()), ("policy.host_not_allowed", "no"));
    for audit in [&reply.head["audit"], &explain(engine, &request, 0).1["audit"]] {
        assert_eq!((audit["host"].as_str(), audit["port"].as_u64()), (Some("api.example.com"), Some(8443)));
        assert_eq!(
            (audit["error_code"].as_str(), audit["attempts"].as_u64()),
            (Some("policy.host_not_allowed"), Some(0))
        );
    }
}

#[test]
fn the_idempotency_key_goes_into_the_header_that_the_service_names() {
    let authority = Authority::new();
    let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), |peer| {
        while peer.read().is_some() && peer.respond("") {}
        true
    });
    let (_, engine, _) = open(&configuration(&authority, &["localhost"], &[server.address.port()]));
    let mut request = request("POST", &server.url("https", "localhost"), "/");
    request["idempotency_key"] = json!("order-17");
    assert_eq!(send(engine, &request, b"", "").http_status(), Some(200));
    assert_eq!(server.counts.last().header("idempotency-key"), Some("order-17"));
    request["idempotency_header"] = json!("X-Request-Id");
    assert_eq!(send(engine, &request, b"", "").http_status(), Some(200));
    let received = server.counts.last();
    assert_eq!((received.header("x-request-id"), received.header("idempotency-key")), (Some("order-17"), None));
    request["headers"] = json!([["x-request-id", "mine"]]);
    assert_eq!(send(engine, &request, b"", "").code(), "policy.header_not_allowed");
}
