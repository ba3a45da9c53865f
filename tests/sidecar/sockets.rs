//! Sockets: who may open the first one, and further ones with callers of their own.

use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::host::{Caller, ROOT, SHOP, Sidecar, as_member, as_user, echo, own};

/// A group that every Debian has, and that no test runs with.
const GROUP: (&str, u32) = ("daemon", 1);

fn with_containers(document: &mut Value, callers: Value) {
    let path = document["audit_log"].as_str().expect("a path").replace("audit.jsonl", "containers.sock");
    document["sockets"] = json!([{
        "name": "containers", "listen": {"path": path, "mode": "0666"}, "callers": callers,
    }]);
}

fn is_closed_without_a_byte(stream: &mut UnixStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream.read(&mut [0; 64]).is_ok_and(|read| read == 0)
}

#[test]
fn the_group_of_the_command_line_may_connect_and_nobody_else() {
    let mut sidecar = Sidecar::new();
    sidecar.signal(Signal::SIGTERM);
    sidecar.child.wait().expect("an end");
    sidecar.child = Command::new(env!("CARGO_BIN_EXE_secure-outbound-sidecar"))
        .arg("--config")
        .arg(sidecar.path("sidecar.json"))
        .arg("--listen")
        .arg(sidecar.socket())
        .args(["--group", GROUP.0])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the daemon");
    sidecar.says("is ready");
    let (socket, about) = (sidecar.socket(), fs::metadata(sidecar.socket()).expect("a socket"));
    assert_eq!((about.uid(), about.gid(), about.mode() & 0o777), (ROOT, GROUP.1, 0o660));
    as_user(SHOP, || {
        let refused = UnixStream::connect(&socket).expect_err("a refusal");
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
    });
    as_member(SHOP, GROUP.1, || {
        let mut caller = Caller::greeted(UnixStream::connect(&socket).expect("a connection"));
        assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
    });
    let output = Command::new(env!("CARGO_BIN_EXE_secure-outbound-sidecar"))
        .arg("--config")
        .arg(sidecar.path("sidecar.json"))
        .arg("--listen")
        .arg(sidecar.path("other.sock"))
        .args(["--group", "no-such-group"])
        .output()
        .expect("the daemon");
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no such group"), "{output:?}");
}

#[test]
fn a_further_socket_has_callers_of_its_own() {
    let sidecar = Sidecar::with(echo, |document| {
        with_containers(document, json!([{"user": SHOP, "services": ["other"], "limits": {"connections": 1}}]));
    });
    let (first, containers) = (sidecar.socket(), sidecar.path("containers.sock"));
    as_user(SHOP, || {
        let mut caller = Caller::greeted(UnixStream::connect(&first).expect("a connection"));
        assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
        assert_eq!(caller.call("other", &own("GET"), b"").code(), "policy.service_unknown");
        let mut same_number = Caller::greeted(UnixStream::connect(&containers).expect("a connection"));
        assert_eq!(same_number.call("other", &own("GET"), b"").head["status"], 200);
        assert_eq!(same_number.call("shop", &own("GET"), b"").code(), "policy.service_unknown");
        assert!(
            is_closed_without_a_byte(&mut UnixStream::connect(&containers).expect("a connection")),
            "its own limit"
        );
        let mut another = Caller::greeted(UnixStream::connect(&first).expect("a connection"));
        assert_eq!(another.call("shop", &own("GET"), b"").head["status"], 200);
    });
    // Root is a caller at the first socket only.
    assert!(is_closed_without_a_byte(&mut UnixStream::connect(&containers).expect("a connection")));
    assert_eq!(sidecar.server.counts.connections(), 2, "one for each caller");
    let sockets: Vec<_> = sidecar.records().iter().map(|record| record["socket"].clone()).collect();
    let containers = json!("containers");
    assert_eq!(sockets[..3], [json!(null), json!(null), json!(null)]);
    assert!(sockets[3..6].iter().all(|socket| *socket == containers), "{sockets:?}");
}

#[test]
fn its_callers_are_read_anew_and_its_place_is_not() {
    let mut sidecar =
        Sidecar::with(echo, |document| with_containers(document, json!([{"user": ROOT, "services": ["other"]}])));
    let mut caller = Caller::greeted(UnixStream::connect(sidecar.path("containers.sock")).expect("a connection"));
    let said = sidecar.reload(|document| document["sockets"][0]["callers"][0]["services"] = json!(["shop"]));
    assert!(said.contains("read anew"), "{said}");
    assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
    assert_eq!(caller.call("other", &own("GET"), b"").code(), "policy.service_unknown");
    let changes: [fn(&mut Value); 3] = [
        |document| document["sockets"][0]["name"] = json!("others"),
        |document| document["sockets"][0]["listen"]["mode"] = json!("0600"),
        |document| document["metrics"] = json!({}),
    ];
    for change in changes {
        let kept = sidecar.document.clone();
        let said = sidecar.reload(change);
        assert!(said.contains("stays as it was") && said.contains("take a restart"), "{said}");
        sidecar.document = kept;
    }
    assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
    sidecar.signal(Signal::SIGTERM);
    assert!(sidecar.child.wait().expect("an end").success());
    assert!(!sidecar.path("containers.sock").exists(), "it goes with the daemon");
}

#[test]
fn systemd_hands_further_sockets_over_by_name() {
    let mut sidecar = Sidecar::with(echo, |document| {
        with_containers(document, json!([{"user": ROOT, "services": ["other"]}]));
    });
    sidecar.document["sockets"][0]["listen"] = json!({});
    fs::write(sidecar.path("sidecar.json"), sidecar.document.to_string()).expect("a configuration");
    // In any order: the one that no name is known of is the first.
    sidecar.handed_over(&[("containers.sock", "containers"), ("v1.sock", "secure-outbound-sidecar.socket")]);
    for (socket, mine, others) in [("v1.sock", "shop", "none"), ("containers.sock", "other", "shop")] {
        let mut caller = Caller::greeted(UnixStream::connect(sidecar.path(socket)).expect("a connection"));
        assert_eq!(caller.call(mine, &own("GET"), b"").head["status"], 200, "{socket}");
        assert_eq!(caller.call(others, &own("GET"), b"").code(), "policy.service_unknown", "{socket}");
    }
}

#[test]
fn sockets_that_nobody_asked_for_and_that_nobody_handed_over_are_named() {
    let mut sidecar = Sidecar::new();
    sidecar.handed_over(&[("v1.sock", "one"), ("other.sock", "two")]);
    let said = sidecar.says("configuration.invalid");
    assert!(said.contains("that the configuration does not know"), "{said}");
    assert_eq!(sidecar.child.wait().expect("an end").code(), Some(78));
    let mut sidecar = Sidecar::new();
    sidecar.document["sockets"] = json!([{"name": "containers", "callers": []}]);
    fs::write(sidecar.path("sidecar.json"), sidecar.document.to_string()).expect("a configuration");
    sidecar.handed_over(&[("v1.sock", "one")]);
    let said = sidecar.says("configuration.invalid");
    assert!(said.contains("sockets.containers") && said.contains("FileDescriptorName=containers"), "{said}");
}
