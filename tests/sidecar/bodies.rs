//! Bodies in pieces, with credit.

use secure_outbound::sidecar::{Kind, WINDOW, write_piece};
use serde_json::json;

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
    half(Kind::Call, &mut callers[3], next_id());
    assert!(callers[3].frame().is_none(), "there is no room for one more");
    callers.clear();
    assert!(alone::until(|| !is_full()));
    // Room for envelopes is 4 MiB.
    let (mut caller, id) = (sidecar.caller(), next_id());
    caller.decide(id, "shop", &own("GET"), 0).expect("a decision");
    half(Kind::Sealed, &mut caller, id);
    assert!(caller.frame().is_none());
}
