//! A call through the daemon: what it may ask, what comes back, and what is recorded of it.

use secure_outbound::envelope::aead::Algorithm;
use secure_outbound::sidecar::Kind;
use serde_json::{Value, json};

use super::host::{Caller, IDENTIFIER, ROOT, Sidecar, TOKEN, next_id, own};
use crate::support::seal;

#[test]
fn the_daemon_sends_with_a_credential_that_the_caller_never_has() {
    let sidecar = Sidecar::new();
    let mut caller = sidecar.caller();
    for body in ["first", "second"] {
        let answer = caller.call("shop", &own("POST"), body.as_bytes());
        assert_eq!((&answer.head["status"], answer.body.as_slice()), (&json!(200), body.as_bytes()), "{answer:?}");
        assert_eq!(answer.head["audit"]["transport"], "sidecar");
    }
    let received = sidecar.server.counts.last();
    assert_eq!(received.line(), "POST /v1/notes HTTP/1.1");
    assert_eq!(received.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert_eq!(sidecar.server.counts.connections(), 1, "the connection is kept");
    let records = sidecar.records();
    let events: Vec<_> = records.iter().map(|record| record["event"].as_str().expect("an event")).collect();
    assert_eq!(events, ["begin", "end", "begin", "end"]);
    assert!(records.iter().all(|record| record["uid"] == ROOT && record["pid"] == std::process::id()));
    assert_eq!(records[0]["service_id"], "shop");
    assert_eq!((&records[3]["outcome"], &records[3]["sent"]), (&json!("response"), &json!("yes")));
    assert_eq!(records[3]["audit"]["credentials"], json!([IDENTIFIER]));
    assert_eq!(records[3]["audit"]["sent"], "yes");
    assert!(!records.iter().any(|record| record.to_string().contains(TOKEN)));
}

#[test]
fn a_call_may_only_narrow() {
    let sidecar = Sidecar::new();
    let mut caller = sidecar.caller();
    let with = |key: &str, value: Value| {
        let mut request = own("GET");
        request[key] = value;
        request
    };
    for (request, code) in [
        (with("policy", json!({"allowed_methods": ["GET"]})), "invalid_request.malformed"),
        (with("base_url", json!("https://localhost")), "invalid_request.malformed"),
        (with("credentials", json!([])), "invalid_request.malformed"),
        (with("idempotency_header", json!("X-Key")), "invalid_request.malformed"),
        (with("alternatives", json!([])), "invalid_request.malformed"),
        (with("service_id", json!("other")), "invalid_request.malformed"),
        (with("method", json!("DELETE")), "policy.method_not_allowed"),
        (with("headers", json!([["authorization", "Bearer mine"]])), "policy.header_not_allowed"),
        (json!({"version": 1, "method": "GET", "url": "https://localhost:1/v1/notes"}), "policy.path_not_allowed"),
    ] {
        let answer = caller.call("shop", &request, b"");
        let found = answer.code();
        // Which rule refuses another origin is the engine's matter.
        assert!(found == code || (request["url"].is_string() && found.starts_with("policy.")), "{request}: {answer:?}");
        assert_eq!((answer.sent(), &answer.head["audit"]["error_code"]), ("no", &json!(found)));
        assert_eq!(answer.head["audit"]["sent"], "no");
    }
    let document = json!({"version": 1, "service_id": "shop", "body_bytes": 0, "request": own("GET"), "policy": {}});
    caller.tell(Kind::Call, next_id(), document.to_string().as_bytes());
    let decision = caller.document(Kind::Decision).expect("a decision")["decision"].clone();
    assert!(decision["error"]["message"].as_str().expect("a text").contains("unknown field `policy`"), "{decision}");
    assert_eq!(sidecar.server.counts.requests(), 0);
    assert_eq!(caller.call("shop", &with("timeout_ms", json!(60_000)), b"").head["status"], 200);
    let records = sidecar.records();
    assert_eq!(records.iter().filter(|record| record["outcome"] == "refused").count(), 10);
}

/// The server has HTTP/1.1 alone.
#[test]
fn the_versions_of_a_service_are_its_own() {
    let sidecar = Sidecar::with(super::host::echo, |document| {
        document["services"]["other"]["policy"]["http_versions"] = json!(["2"]);
    });
    let mut caller = sidecar.caller();
    for _ in 0..2 {
        let answer = caller.call("shop", &own("POST"), b"x");
        assert_eq!((&answer.head["status"], &answer.head["http_version"]), (&json!(200), &json!("1.1")), "{answer:?}");
        let answer = caller.call("other", &own("POST"), b"x");
        assert_eq!((answer.code(), answer.sent()), ("tls.handshake_failed", "no"), "{answer:?}");
    }
    assert_eq!(sidecar.server.counts.requests(), 2);
}

#[test]
fn shorter_times_of_the_caller_count() {
    let sidecar = Sidecar::with(
        |peer| {
            peer.read();
            peer.read().is_none()
        },
        |_| {},
    );
    let mut request = own("POST");
    request["timeout_ms"] = json!(200);
    let mut caller = sidecar.caller();
    let id = next_id();
    let decision = caller.decide(id, "shop", &request, 0).expect("a decision");
    assert!(decision["timeout_ms"].as_u64().expect("a time") <= 200, "{decision}");
    caller.send(id, b"");
    let answer = caller.answer(id).expect("an answer");
    assert_eq!((answer.code(), answer.sent()), ("timeout.total", "maybe"));

    let mut request = own("POST");
    request["idle_timeout_ms"] = json!(200);
    let answer = caller.call("shop", &request, b"");
    assert_eq!((answer.code(), answer.sent()), ("timeout.idle", "maybe"));
}

#[test]
fn envelopes_of_the_caller_count_where_the_service_says_so_and_only_with_hosts() {
    let sidecar =
        Sidecar::with(super::host::echo, |document| document["services"]["shop"]["envelopes"] = json!("caller"));
    let host = format!("localhost:{}", sidecar.server.address.port());
    let sealed = |payload: Value| seal(payload.to_string().as_bytes(), IDENTIFIER, &[1; 32], Algorithm::Aes256Gcm);
    let call = |caller: &mut Caller, service: &str, sealed: &str| {
        let id = next_id();
        let decision = caller.decide(id, service, &own("GET"), 0).expect("a decision");
        assert_eq!(decision["decision"]["allowed"], true);
        caller.tell(Kind::Sealed, id, sealed.as_bytes());
        caller.send(id, b"");
        caller.answer(id)
    };
    let mut caller = sidecar.caller();
    for (binding, code) in [
        (json!({"hosts": [host]}), ""),
        (json!({"hosts": ["elsewhere.example"]}), "policy.binding_violated"),
        (json!({"methods": ["GET"]}), "policy.binding_violated"),
    ] {
        let payload = json!({"type": "bearer", "token": "brought", "binding": binding});
        let answer = call(&mut caller, "shop", &sealed(payload)).expect("an answer");
        assert_eq!(answer.code(), code, "{binding}");
    }
    assert_eq!(sidecar.server.counts.requests(), 1);
    assert_eq!(sidecar.server.counts.last().header("authorization"), Some("Bearer brought"));
    assert!(
        call(&mut caller, "other", &sealed(json!({"token": "mine"}))).is_none(),
        "the daemon's own are meant there"
    );
    assert_eq!(sidecar.server.counts.requests(), 1);
}

#[test]
fn an_envelope_that_is_not_there_is_named() {
    let sidecar = Sidecar::with(super::host::echo, |document| {
        document["services"]["shop"]["credentials"][0]["identifier"] = json!("not-there");
    });
    let answer = sidecar.caller().call("shop", &own("GET"), b"");
    assert_eq!((answer.code(), answer.sent()), ("credential.not_found", "no"));
    assert_eq!(answer.head["audit"]["sent"], "no");
    assert!(answer.head["error"]["message"].as_str().expect("a text").contains("\"not-there\""));
    assert_eq!(sidecar.server.counts.requests(), 0);
}

#[test]
fn without_a_line_before_it_no_call_is_made() {
    let sidecar = Sidecar::with(super::host::echo, |document| document["audit_log"] = json!("/dev/full"));
    let answer = sidecar.caller().call("shop", &own("POST"), b"x");
    assert_eq!((answer.code(), answer.sent()), ("internal.audit_failed", "no"));
    assert_eq!(sidecar.server.counts.requests(), 0);
}

#[test]
fn a_panic_of_the_engine_is_the_end_of_its_call_and_of_nothing_else() {
    let sidecar = Sidecar::with(super::host::echo, |document| {
        document["services"]["test.panic.opened"] = document["services"]["shop"].clone();
        document["callers"][0]["services"] = json!(["shop", "test.panic.opened"]);
    });
    let mut caller = sidecar.caller();
    assert_eq!(caller.call("test.panic.opened", &own("GET"), b"").code(), "internal.panic");
    assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
}
