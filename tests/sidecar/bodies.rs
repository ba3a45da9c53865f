//! Bodies in pieces, with credit.

use secure_outbound::sidecar::{CALL_BYTES, Kind, PAYLOAD_BYTES, WINDOW, write_piece};
use serde_json::{Value, json};

use super::host::{Caller, Sidecar, echo, next_id, own};
use crate::support::alone;

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|at| b'a' + u8::try_from(at * 7 % 26).expect("a letter")).collect()
}

#[test]
fn they_arrive_whole_in_both_directions_whatever_their_length() {
    let sidecar = Sidecar::new();
    let mut caller = sidecar.caller();
    for length in [0, 1, 65_535, 65_536, 65_537, WINDOW - 1, WINDOW, WINDOW + 1, 5 * WINDOW + 3] {
        let body = text(length);
        let answer = caller.call("shop", &own("POST"), &body);
        assert!(answer.body == body, "{length}: {}", answer.head);
    }
}

#[test]
fn a_caller_who_does_not_read_holds_up_nobody_else() {
    let sidecar = Sidecar::new();
    let (mut slow, id) = (sidecar.caller(), next_id());
    let body = text(4 * WINDOW);
    slow.decide(id, "shop", &own("POST"), body.len()).expect("a decision");
    slow.send(id, &body);
    let mut caller = sidecar.caller();
    for _ in 0..20 {
        assert_eq!(caller.call("shop", &own("POST"), b"x").body, b"x");
    }
    assert!(slow.answer(id).expect("an answer").body == body);
}

#[test]
fn a_caller_who_sends_more_than_it_said_or_than_it_may_is_cut_off() {
    let sidecar = Sidecar::with(echo, |_| {});
    for (said, sent) in [(3, 4), (4 * WINDOW, WINDOW + 65_536)] {
        let (mut caller, id) = (sidecar.caller(), next_id());
        caller.decide(id, "shop", &own("POST"), said).expect("a decision");
        let mut left = sent;
        while left > 0 {
            let mut bytes = Vec::new();
            write_piece(&mut bytes, Kind::Body, id, &text(left.min(65_536)), false);
            if std::io::Write::write_all(&mut caller.stream, &bytes).is_err() {
                break;
            }
            left -= left.min(65_536);
        }
        if said == 3 {
            assert!(caller.frame().is_none(), "the connection ends");
        }
    }
    assert_eq!(sidecar.server.counts.requests(), 0);
    let refused = sidecar.caller().call("shop", &json!({"version": 1, "method": "POST"}), &vec![0; (16 << 20) + 1]);
    assert_eq!(refused.code(), "policy.request_too_large");
}

#[test]
fn a_call_without_the_rest_of_its_body_is_never_made() {
    let sidecar = Sidecar::new();
    let (mut caller, id) = (sidecar.caller(), next_id());
    caller.decide(id, "shop", &own("POST"), 10).expect("a decision");
    let mut bytes = Vec::new();
    write_piece(&mut bytes, Kind::Body, id, b"half", false);
    std::io::Write::write_all(&mut caller.stream, &bytes).expect("a write");
    drop(caller);
    let (mut caller, id) = (sidecar.caller(), next_id());
    caller.decide(id, "shop", &own("POST"), 10).expect("a decision");
    caller.send(id, b"short");
    assert_eq!(caller.answer(id).expect("an answer").code(), "invalid_request.malformed");
    assert_eq!(sidecar.server.counts.requests(), 0);
}

/// Heads and envelopes that need more than one frame count before they are whole, so that many halves of them are not more than
/// the limit.
#[test]
fn half_documents_and_half_envelopes_count_as_well() {
    let sidecar = Sidecar::with(echo, |document| {
        document["callers"][0]["limits"] = json!({"bytes": 3 << 20});
        document["services"]["shop"]["policy"]["response_bytes"] = json!(1024);
        document["services"]["shop"]["envelopes"] = json!("caller");
    });
    let half = |kind, caller: &mut Caller, id| {
        let mut bytes = Vec::new();
        write_piece(&mut bytes, kind, id, b"{", false);
        std::io::Write::write_all(&mut caller.stream, &bytes).expect("a write");
    };
    let mut callers: Vec<_> = (0..4).map(|_| sidecar.caller()).collect();
    for caller in &mut callers[..3] {
        half(Kind::Call, caller, next_id());
    }
    let is_full = || {
        let id = next_id();
        let decision = sidecar.caller().decide(id, "shop", &own("GET"), 0).expect("a decision");
        decision["decision"]["error"]["code"] == "policy.caller_limit"
    };
    assert!(alone::until(is_full));
    let mut caller = callers.pop().expect("the fourth");
    assert_eq!(caller.call("shop", &long_head(), b"").code(), "policy.caller_limit", "there is no room for one more");
    assert_eq!(caller.call("shop", &own("GET"), b"").code(), "policy.caller_limit", "and the connection is still good");
    callers.clear();
    assert!(alone::until(|| !is_full()));
    assert_eq!(caller.call("none", &long_head(), b"").code(), "policy.service_unknown");
    // Room for envelopes is 4 MiB.
    let id = next_id();
    caller.decide(id, "shop", &own("POST"), 1).expect("a decision");
    half(Kind::Sealed, &mut caller, id);
    half(Kind::Sealed, &mut caller, id);
    caller.send(id, b"x");
    assert_eq!(caller.answer(id).expect("an answer").code(), "policy.caller_limit");
    assert_eq!(
        caller.call("none", &own("GET"), b"").code(),
        "policy.service_unknown",
        "and the connection is still good"
    );
}

/// The own part of a request that does not fit into one frame.
fn long_head() -> Value {
    let mut request = own("GET");
    request["query"] = json!([["q", "x".repeat(2 * PAYLOAD_BYTES)]]);
    request
}

/// The end of a call whose document has no room comes in the form that its beginning asks for, and has its line.
#[test]
fn a_document_without_room_is_refused_as_its_caller_expects_it() {
    let sidecar = Sidecar::with(echo, |document| {
        document["callers"][0]["limits"] = json!({"bytes": 1024});
    });
    let mut caller = sidecar.caller();
    for (response, kind) in [("once", Kind::Response), ("whole", Kind::End), ("pieces", Kind::End)] {
        let id = next_id();
        let head = json!({"version": 1, "service_id": "shop", "body_bytes": 0, "response": response, "known_timeout_ms": 1000});
        let mut document = head.to_string();
        document.truncate(document.len() - 1);
        document += &format!(r#","request":{}}}"#, long_head());
        caller.tell(Kind::Call, id, document.as_bytes());
        let end = caller.document(kind).expect("an end");
        let seen =
            [&end["error"]["code"], &end["error"]["sent"], &end["audit"]["service_id"], &end["audit"]["error_code"]];
        assert_eq!(seen, ["policy.caller_limit", "no", "shop", "policy.caller_limit"], "{response}");
        assert_eq!(end["error"]["retryable"], true);
        if kind == Kind::Response {
            assert_eq!(caller.frame().expect("an empty body").0.kind, Kind::Body);
        }
    }
    let record = |record: &Value| [record["outcome"].clone(), record["audit"]["service_id"].clone()];
    assert_eq!(sidecar.records().iter().map(record).collect::<Vec<_>>(), vec![[json!("refused"), json!("shop")]; 3]);
    // One that never becomes whole is too long all the same.
    let id = next_id();
    let mut bytes = Vec::new();
    for _ in 0..=CALL_BYTES / PAYLOAD_BYTES {
        write_piece(&mut bytes, Kind::Call, id, &[b'x'; PAYLOAD_BYTES], false);
    }
    let _ = std::io::Write::write_all(&mut caller.stream, &bytes);
    assert!(caller.frame().is_none(), "the connection ends");
}
