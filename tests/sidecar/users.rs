//! Users: who gets an answer, who gets not even a byte, and that nobody is held up by another.

use std::fs;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use serde_json::json;

use super::host::{Caller, DAEMON, SHOP, STRANGER, Sidecar, as_user, echo, next_id, own};
use super::reload;

#[test]
fn each_user_has_its_services_and_a_stranger_gets_no_byte() {
    let sidecar = Sidecar::new();
    let socket = sidecar.socket();
    as_user(SHOP, || {
        let mut caller = Caller::greeted(UnixStream::connect(&socket).expect("a connection"));
        assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
        for service in ["other", "no-such-service"] {
            let answer = caller.call(service, &own("GET"), b"");
            assert_eq!(answer.code(), "policy.service_unknown");
            let message = answer.head["error"]["message"].as_str().expect("a text");
            assert_eq!(message, format!("the daemon gives this user no service \"{service}\""));
        }
    });
    as_user(STRANGER, || {
        let mut stream = UnixStream::connect(&socket).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        assert_eq!(stream.read(&mut [0; 64]).expect("an end"), 0);
    });
    let records = sidecar.records();
    assert!(records.iter().all(|record| record["uid"] == SHOP));
    assert_eq!(records.iter().filter(|record| record["outcome"] == "refused").count(), 2);
}

#[test]
fn connections_circuits_and_tokens_are_not_shared_by_users() {
    let sidecar = Sidecar::new();
    let socket = sidecar.socket();
    let call = || {
        let mut caller = Caller::greeted(UnixStream::connect(&socket).expect("a connection"));
        assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
    };
    call();
    call();
    assert_eq!(sidecar.server.counts.connections(), 1);
    as_user(SHOP, call);
    assert_eq!(sidecar.server.counts.connections(), 2);
}

/// As those of a pool of which each calls once a minute: what one worker has opened is there for all.
#[test]
fn the_workers_of_a_user_make_one_handshake_and_ask_for_one_token() {
    let sidecar = reload::sidecar();
    for worker in 0..64 {
        assert_eq!(sidecar.caller().call("other", &own("GET"), b"").head["status"], 200, "{worker}");
    }
    // Tokens come by a connection of their own.
    assert_eq!(reload::seen(&sidecar), (2, 64 + 1));
}

#[test]
fn workers_who_need_a_token_at_once_ask_for_one() {
    let sidecar = reload::sidecar();
    let together = Barrier::new(64);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let mut caller = sidecar.caller();
                together.wait();
                assert_eq!(caller.call("other", &own("GET"), b"").head["status"], 200);
            });
        }
    });
    assert_eq!(reload::seen(&sidecar).1, 64 + 1);
}

#[test]
fn a_user_at_its_limits_is_told_so_and_another_goes_on() {
    let together = Arc::new(Barrier::new(2));
    let gate = Arc::clone(&together);
    let sidecar = Sidecar::with(
        move |peer| {
            while let Some(received) = peer.read() {
                if received.body == b"wait" {
                    gate.wait();
                }
                peer.respond("done");
            }
            true
        },
        |document| {
            document["callers"][0]["limits"] = json!({"calls": 1, "connections": 3, "bytes": 64 << 20});
            document["callers"][1]["limits"] = json!({"bytes": 1 << 20});
        },
    );
    let mut first = sidecar.caller();
    let id = next_id();
    first.decide(id, "shop", &own("POST"), 4).expect("a decision");
    first.send(id, b"wait");
    let mut second = sidecar.caller();
    let answer = second.call("shop", &own("GET"), b"");
    assert_eq!((answer.code(), answer.sent()), ("policy.caller_limit", "no"));
    assert_eq!(answer.head["error"]["retryable"], true);
    let third = sidecar.caller();
    let mut fourth = UnixStream::connect(sidecar.socket()).expect("a connection");
    assert_eq!(fourth.read(&mut [0; 64]).expect("an end"), 0, "a fourth connection is closed");
    let socket = sidecar.socket();
    as_user(SHOP, || {
        let mut other = Caller::greeted(UnixStream::connect(&socket).expect("a connection"));
        let answer = other.call("shop", &own("GET"), b"");
        assert_eq!(answer.code(), "policy.caller_limit", "a response of 16 MiB does not fit into 1 MiB");
    });
    together.wait();
    assert_eq!(first.answer(id).expect("an answer").body, b"done");
    assert_eq!(second.call("shop", &own("GET"), b"").body, b"done", "what is over no longer counts");
    drop(third);
}

#[test]
fn a_call_that_is_decided_about_and_never_sent_gives_its_place_back() {
    let sidecar = Sidecar::with(echo, |document| document["callers"][0]["limits"] = json!({"calls": 1}));
    let mut first = sidecar.caller();
    let mut request = own("GET");
    request["timeout_ms"] = json!(1);
    let decided = first.decide(next_id(), "shop", &request, 0).expect("a decision");
    assert_eq!(decided["decision"]["allowed"], true);
    let mut second = sidecar.caller();
    assert!(crate::support::alone::until(|| second.call("shop", &own("GET"), b"").head["status"] == 200));
    assert_eq!(first.call("shop", &own("GET"), b"").head["status"], 200, "the connection is still good");
}

/// As the units have it: configuration and envelopes are root's and readable by the daemon's group, the daemon has a user of its own.
#[test]
fn under_a_user_of_its_own_nothing_of_it_can_be_read_by_a_caller() {
    let mut sidecar = Sidecar::new();
    let socket = sidecar.restart_as_its_user(&["--core=0"]);
    let process = format!("/proc/{}", sidecar.child.id());
    let mut hidden: Vec<PathBuf> =
        ["mem", "environ", "maps"].iter().map(|name| Path::new(&process).join(name)).collect();
    as_user(DAEMON, || {
        for path in &hidden {
            assert!(fs::read(path).is_err(), "{} is closed to its own user as well", path.display());
        }
    });
    hidden.extend(["sidecar.json", "vault/shop-token", "audit.jsonl"].map(|name| sidecar.path(name)));
    as_user(SHOP, || {
        for path in &hidden {
            let refused = fs::File::open(path).expect_err("a refusal");
            assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied, "{}", path.display());
        }
        let mut caller = Caller::greeted(UnixStream::connect(&socket).expect("a connection"));
        assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
    });
}
