//! Calls that are decided first and sent afterwards.

#![allow(unsafe_code)]

use std::ptr::{null, null_mut};
use std::thread;
use std::time::{Duration, Instant};

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use crate::support;
use crate::support::alone::{self, in_child};
use crate::support::library::{Frame, Reply, close, decide, explain, library, open, send, send_decided};
use crate::support::server::{Authority, Server, configuration, request};

const KEY: [u8; 32] = [7; 32];
const BODY: &[u8] = b"amount=1";
const NULL_POINTER: i32 = -1;
const UNKNOWN_ENGINE: i32 = -3;
const UNKNOWN_CALL: i32 = -4;

/// A server, an engine that reaches it, and a request to it with a sealed credential.
struct Api {
    server: Server,
    engine: u64,
    request: Value,
    sealed: String,
    _authority: Authority,
}

impl Api {
    fn answering(status: &'static str) -> Self {
        let authority = Authority::new();
        let server = Server::start(Some(authority.server(&["localhost"], &[], |_| {})), move |peer| {
            while peer.read().is_some() && peer.write(format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\n\r\nhello")) {}
            true
        });
        let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
        configuration["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
        let (status, engine, head) = open(&configuration);
        assert_eq!(status, 0, "{head}");
        let mut request = request("POST", &server.url("https", "localhost"), "/v1/charges");
        request["credentials"] = json!([{"identifier": "token", "type": "bearer"}]);
        let sealed = support::seal(br#"{"token": "s3cr3t"}"#, "token", &KEY, Algorithm::XChaCha20Poly1305);
        Self { server, engine, request, sealed, _authority: authority }
    }

    fn decided(&self) -> u64 {
        let (status, call, head) = decide(self.engine, None, &self.request, BODY.len());
        assert_eq!((status, &head["allowed"]), (0, &json!(true)), "{head}");
        assert!((1..=1 << 53).contains(&call));
        call
    }

    fn send(&self, call: u64) -> Reply {
        send_decided(call, BODY, &self.sealed)
    }
}

/// Splits a request into two documents: the keys of its service, and the keys of the call.
fn split(request: &Value) -> (Value, Value) {
    let keys = ["version", "service_id", "base_url", "idempotency_header", "credentials", "policy", "alternatives"];
    let (mut service, mut own) = (json!({}), json!({}));
    for (key, value) in request.as_object().expect("an object") {
        let into = if keys.contains(&key.as_str()) { &mut service } else { &mut own };
        into[key] = value.clone();
    }
    own["version"] = request["version"].clone();
    (service, own)
}

/// A head without the keys whose values differ from call to call.
fn lasting(mut head: Value) -> Value {
    for key in ["timestamp", "duration_us", "connection_reused"] {
        if let Some(audit) = head["audit"].as_object_mut() {
            audit.remove(key);
        }
    }
    head
}

#[test]
fn a_decided_call_is_sent_once_and_is_the_call_that_send_makes() {
    let api = Api::answering("201 Created");
    let (_, explained) = explain(api.engine, &api.request, BODY.len());
    let (service, own) = split(&api.request);
    for service in [None, Some(&service)] {
        let request = if service.is_some() { &own } else { &api.request };
        let (status, call, decision) = decide(api.engine, service, request, BODY.len());
        assert_eq!((status, &decision), (0, &explained));
        let sent = api.send(call);
        assert_eq!((sent.status, sent.http_status(), &*sent.body), (0, Some(201), &b"hello"[..]));
        let received = api.server.counts.last();
        assert_eq!((received.header("authorization"), &*received.body), (Some("Bearer s3cr3t"), BODY));
        let plain = send(api.engine, &api.request, BODY, &api.sealed);
        assert_eq!(lasting(sent.head), lasting(plain.head));

        let again = api.send(call);
        assert_eq!((again.status, again.head), (UNKNOWN_CALL, Value::Null));
    }
    assert_eq!(api.server.counts.requests(), 4);
}

#[test]
fn a_refused_call_has_no_number_and_the_document_of_explain() {
    let mut api = Api::answering("200 OK");
    api.request["policy"]["allowed_methods"] = json!(["GET"]);
    let (status, call, head) = decide(api.engine, None, &api.request, 0);
    assert_eq!((status, call, &head["error"]["code"]), (1, 0, &json!("policy.method_not_allowed")));
    assert_eq!(lasting(head), lasting(explain(api.engine, &api.request, 0).1));
}

#[test]
fn the_body_is_as_long_as_it_was_said_to_be() {
    let api = Api::answering("200 OK");
    let call = api.decided();
    let reply = send_decided(call, b"another", &api.sealed);
    assert_eq!((reply.status, reply.code(), reply.sent()), (1, "invalid_request.malformed", "no"));
    assert_eq!((api.send(call).status, api.server.counts.requests()), (UNKNOWN_CALL, 0));
}

#[test]
fn an_envelope_that_is_missing_is_missed_when_it_is_needed() {
    let api = Api::answering("200 OK");
    let reply = send_decided(api.decided(), BODY, "");
    assert_eq!((reply.status, reply.code(), reply.sent()), (1, "credential.malformed", "no"));
}

#[test]
fn the_deadline_runs_from_the_decision() {
    let mut api = Api::answering("200 OK");
    api.request["timeout_ms"] = json!(20);
    let decided = Instant::now();
    let call = api.decided();
    while decided.elapsed() < Duration::from_millis(21) {
        thread::yield_now();
    }
    let reply = api.send(call);
    assert_eq!((reply.code(), reply.sent(), api.server.counts.requests()), ("timeout.total", "no", 0));
}

#[test]
fn a_circuit_that_opened_meanwhile_stops_it() {
    let mut api = Api::answering("503 Broken");
    api.request["policy"]["breaker"] = json!({"failures": 1, "open_ms": 86_400_000});
    api.request["service_id"] = json!("decided.circuit");
    let (first, second) = (api.decided(), api.decided());
    assert_eq!(api.send(first).http_status(), Some(503));
    let reply = api.send(second);
    assert_eq!((reply.code(), reply.sent(), api.server.counts.requests()), ("policy.circuit_open", "no", 1));
    let (status, call, head) = decide(api.engine, None, &api.request, 0);
    assert_eq!((status, call, &head["error"]["code"]), (1, 0, &json!("policy.circuit_open")));
}

#[test]
fn an_engine_that_was_closed_meanwhile_sends_it_no_more() {
    let api = Api::answering("200 OK");
    let call = api.decided();
    close(api.engine);
    assert_eq!((api.send(call).status, api.send(call).status), (UNKNOWN_ENGINE, UNKNOWN_CALL));
    assert_eq!(decide(api.engine, None, &api.request, 0).0, UNKNOWN_ENGINE);
    assert_eq!(api.server.counts.requests(), 0);
}

#[test]
fn the_oldest_of_too_many_is_let_go() {
    alone::in_own_process("the_oldest_of_too_many_is_let_go", || {
        let api = Api::answering("200 OK");
        let calls: Vec<u64> = (0..258).map(|_| api.decided()).collect();
        let status = |call: &u64| api.send(*call).status;
        assert_eq!(calls.iter().map(status).filter(|status| *status == 0).count(), 256);
        assert_eq!(calls.iter().take(2).map(status).collect::<Vec<_>>(), [UNKNOWN_CALL; 2]);
    });
}

#[test]
fn calls_that_are_not_sent_go_by_number_and_with_their_thread() {
    let api = Api::answering("200 OK");
    // SAFETY: a call is a number.
    let free = |call| unsafe { (library().decided_free)(call) };
    let kept = api.decided();
    let freed = api.decided();
    free(freed);
    free(freed);
    free(0);
    let of_thread = thread::scope(|scope| {
        let work = || {
            let call = api.decided();
            // SAFETY: it takes nothing.
            unsafe { (library().thread_results_free)() };
            call
        };
        scope.spawn(work).join().expect("a number")
    });
    assert_eq!((api.send(freed).status, api.send(of_thread).status), (UNKNOWN_CALL, UNKNOWN_CALL));
    assert_eq!(api.send(kept).http_status(), Some(200));
    assert_eq!(api.server.counts.requests(), 1);
}

#[test]
fn a_forked_child_has_none_of_its_parents() {
    alone::in_own_process("a_forked_child_has_none_of_its_parents", || {
        let api = Api::answering("200 OK");
        let call = api.decided();
        assert!(in_child(|| {
            assert_eq!(api.send(call).status, UNKNOWN_CALL);
            assert_eq!(decide(api.engine, None, &api.request, 0).0, 0, "a call of its own it may decide about");
        }));
        assert_eq!(api.send(call).http_status(), Some(200));
    });
}

#[test]
fn both_documents_are_judged_as_one_is() {
    let api = Api::answering("200 OK");
    let (service, own) = split(&api.request);
    let with = |document: &Value, key: &str, value: Value| {
        let mut changed = document.clone();
        changed[key] = value;
        changed
    };
    let malformed = [
        (with(&service, "version", json!(2)), own.clone(), "the request's version must be 1"),
        (service.clone(), with(&own, "version", json!(2)), "the request's version must be 1"),
        (with(&service, "method", json!("GET")), own.clone(), "unknown field `method`"),
        (service.clone(), with(&own, "policy", json!({})), "unknown field `policy`"),
        (with(&service, "service_id", json!("a b")), own.clone(), "service_id must be"),
        (service.clone(), with(&own, "correlation_id", json!("a b")), "correlation_id must be"),
        (with(&service, "base_url", json!("nowhere")), own.clone(), "base_url is not an absolute URL"),
        (with(&service, "base_url", Value::Null), own.clone(), "base_url or url is required"),
    ];
    for (service, own, message) in malformed {
        // Twice, because the engine may have the service in its memory the second time.
        for _ in 0..2 {
            let (status, call, head) = decide(api.engine, Some(&service), &own, 0);
            assert_eq!((status, call, &head["error"]["code"]), (1, 0, &json!("invalid_request.malformed")));
            assert!(head["error"]["message"].as_str().expect("a text").contains(message), "{head}");
        }
    }
}

#[test]
fn pointers_are_checked() {
    let api = Api::answering("200 OK");
    let mut out = Frame::rubbish();
    // SAFETY: the pointer to the number is NULL, which is refused before it is written to.
    let status = unsafe { (library().decide)(api.engine, null(), 0, null(), 0, 0, null_mut(), &mut out) };
    assert_eq!((status, out.id, out.head), (NULL_POINTER, 0, null()));

    let mut number = 7;
    // SAFETY: NULL with a length is refused before it is read.
    let of_service = unsafe { (library().decide)(api.engine, null(), 1, null(), 0, 0, &mut number, &mut out) };
    // SAFETY: as above.
    let of_request = unsafe { (library().decide)(api.engine, null(), 0, null(), 1, 0, &mut number, &mut out) };
    assert_eq!((of_service, of_request, number), (NULL_POINTER, NULL_POINTER, 0));

    let call = api.decided();
    // SAFETY: as above.
    let of_body = unsafe { (library().send_decided)(call, null(), 1, null(), 0, &mut out) };
    // SAFETY: as above.
    let of_sealed = unsafe { (library().send_decided)(call, null(), 0, null(), 1, &mut out) };
    // SAFETY: there is nowhere to write a result to.
    let of_out = unsafe { (library().send_decided)(call, null(), 0, null(), 0, null_mut()) };
    assert_eq!((of_body, of_sealed, of_out), (NULL_POINTER, NULL_POINTER, NULL_POINTER));
    assert_eq!(api.send(call).http_status(), Some(200), "nothing was done");
}
