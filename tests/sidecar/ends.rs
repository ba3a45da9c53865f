//! Ends: of a caller, of the daemon by a signal, and of its configuration.

use std::fs;
use std::sync::{Arc, Barrier};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use secure_outbound::sidecar::Kind;
use serde_json::json;

use super::host::{Sidecar, echo, next_id, own, start};
use crate::support::alone;
use crate::support::server::Authority;

#[test]
fn a_call_ends_when_its_caller_is_gone() {
    let sidecar = Sidecar::with(
        |peer| {
            peer.read();
            peer.read().is_none()
        },
        |_| {},
    );
    let (mut caller, id) = (sidecar.caller(), next_id());
    caller.decide(id, "shop", &own("POST"), 1).expect("a decision");
    caller.send(id, b"x");
    assert!(alone::until(|| sidecar.server.counts.requests() == 1));
    drop(caller);
    assert!(sidecar.server.counts.wait_closed(1), "the daemon hangs up at the server");
    assert!(alone::until(|| sidecar.records().len() == 2));
    let end = &sidecar.records()[1];
    assert_eq!((&end["outcome"], &end["sent"], &end["call"]), (&json!("cancelled"), &json!("maybe"), &json!(id)));
}

#[test]
fn a_daemon_that_is_to_end_answers_what_it_has_taken_and_says_what_it_has_not() {
    let together = Arc::new(Barrier::new(2));
    let gate = Arc::clone(&together);
    let mut sidecar = Sidecar::with(
        move |peer| {
            peer.read();
            gate.wait();
            peer.respond("done")
        },
        |_| {},
    );
    let (mut busy, busy_id) = (sidecar.caller(), next_id());
    busy.decide(busy_id, "shop", &own("POST"), 1).expect("a decision");
    busy.send(busy_id, b"x");
    let (mut half, half_id) = (sidecar.caller(), next_id());
    half.decide(half_id, "shop", &own("POST"), 1).expect("a decision");
    let mut idle = sidecar.caller();
    assert!(alone::until(|| sidecar.server.counts.requests() == 1));
    sidecar.signal(Signal::SIGTERM);
    assert_eq!(idle.bye(), 0);
    assert_eq!(half.bye(), 0, "its call was not taken");
    let (frame, taken) = busy.frame().expect("a farewell");
    assert_eq!((frame.kind, taken), (Kind::Bye, busy_id.to_be_bytes().to_vec()), "before its answer");
    together.wait();
    assert_eq!(busy.answer(busy_id).expect("an answer").body, b"done");
    assert!(busy.frame().is_none(), "the connection ends");
    assert!(sidecar.child.wait().expect("an end").success());
    assert_eq!(sidecar.server.counts.requests(), 1);
    assert!(!sidecar.socket().exists(), "its socket goes with it");
}

#[test]
fn what_takes_longer_than_the_drain_ends_without_an_answer() {
    let mut sidecar = Sidecar::with(
        |peer| {
            peer.read();
            peer.read().is_none()
        },
        |document| document["drain_ms"] = json!(100),
    );
    let (mut caller, id) = (sidecar.caller(), next_id());
    caller.decide(id, "shop", &own("POST"), 1).expect("a decision");
    caller.send(id, b"x");
    assert!(alone::until(|| sidecar.server.counts.requests() == 1));
    sidecar.signal(Signal::SIGTERM);
    assert!(sidecar.child.wait().expect("an end").success());
    let (frame, taken) = caller.frame().expect("a farewell");
    assert_eq!((frame.kind, taken), (Kind::Bye, id.to_be_bytes().to_vec()));
    assert!(caller.answer(id).is_none(), "taken and not answered: nobody can tell");
}

#[test]
fn a_daemon_that_was_killed_leaves_a_socket_that_the_next_one_replaces() {
    let mut sidecar = Sidecar::new();
    let mut caller = sidecar.caller();
    sidecar.restart(Signal::SIGKILL);
    assert!(caller.frame().is_none());
    assert_eq!(sidecar.caller().call("shop", &own("GET"), b"").head["status"], 200);
}

#[test]
fn a_configuration_is_read_anew_and_a_broken_one_changes_nothing() {
    let mut sidecar = Sidecar::with(echo, |document| document["callers"][0]["services"] = json!(["shop"]));
    let mut caller = sidecar.caller();
    assert_eq!(caller.call("other", &own("GET"), b"").code(), "policy.service_unknown");
    let said = sidecar.reload(|document| document["callers"][0]["services"] = json!(["other"]));
    assert!(said.contains("read anew"), "{said}");
    assert_eq!(caller.call("other", &own("GET"), b"").head["status"], 200, "on the connection that there was");
    assert_eq!(caller.call("shop", &own("GET"), b"").code(), "policy.service_unknown");
    let said = sidecar.reload(|document| document["services"]["other"]["policy"]["allowed_method"] = json!(["GET"]));
    assert!(said.contains("stays as it was") && said.contains("services.other"), "{said}");
    assert_eq!(caller.call("other", &own("GET"), b"").head["status"], 200);
}

/// While it starts, it has read nothing yet: a configuration that is a pipe holds it there.
#[test]
fn a_signal_that_comes_while_it_starts_does_not_kill_it() {
    let authority = Authority::new();
    let path = authority.directory().join("sidecar.json");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let mut child = start(authority.directory());
    let status = format!("/proc/{}/status", child.id());
    let blocks = |signal: Signal| {
        let status = fs::read_to_string(&status).expect("a process");
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).expect("a mask");
        u64::from_str_radix(mask.trim(), 16).expect("a mask") >> (signal as u32 - 1) & 1 == 1
    };
    let waiting = alone::until(|| blocks(Signal::SIGHUP) && blocks(Signal::SIGTERM));
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a number of a process"));
    kill(pid, Signal::SIGHUP).expect("it runs");
    kill(pid, Signal::SIGTERM).expect("it runs");
    if waiting {
        drop(fs::OpenOptions::new().write(true).open(&path).expect("it reads"));
    }
    assert_eq!(child.wait().expect("an end").code(), Some(78), "it ends by itself: a pipe is no configuration");
}
