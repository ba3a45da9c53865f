//! Attacks, under the users that the units have: code in a worker with FFI on, a crash, and a search of the daemon's memory.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Barrier, Mutex};

use nix::sys::signal::Signal;
use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use super::host::{IDENTIFIER, SHOP, Sidecar, TOKEN, next_id, own};
use crate::support::memory::{Canaries, Copy, in_core, in_process};
use crate::support::server::Authority;
use crate::support::{alone, base64, encode, seal};

fn descriptors(sidecar: &Sidecar) -> usize {
    fs::read_dir(format!("/proc/{}/fd", sidecar.child.id())).expect("descriptors").count()
}

#[test]
fn code_in_a_worker_gets_no_credential_and_no_call_beyond_its_services() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let mut sidecar = Sidecar::with(
        move |peer| {
            while let Some(received) = peer.read() {
                seen.lock().expect("no panic").push(received.line().to_owned());
                peer.respond("done");
            }
            true
        },
        |_| {},
    );
    let socket = sidecar.restart_as_its_user(&["--core=0"]);
    let before = descriptors(&sidecar);
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sidecar/attacker.php");
    let output = Command::new("php")
        .args(["-d", "ffi.enable=1", "--"])
        .arg(&socket)
        .arg(sidecar.child.id().to_string())
        .args(["sidecar.json", "vault/shop-token", "audit.jsonl"].map(|name| sidecar.path(name)))
        .stdin(fs::File::open(script).expect("a script"))
        .uid(SHOP)
        .gid(SHOP)
        .output()
        .expect("php");
    let told = String::from_utf8_lossy(&output.stdout);
    let told: Value =
        serde_json::from_str(&told).unwrap_or_else(|_| panic!("{told}{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(told["reached"], json!([]), "{told}");
    assert!(told["tried"].as_u64().is_some_and(|tried| tried > 40), "{told}");
    assert_eq!(told["control"], true, "a call of its own is made");
    let said = base64(told["said"].as_str().expect("bytes"));
    let holds = |secret: &[u8]| said.windows(secret.len()).any(|bytes| bytes == secret);
    assert!(holds(b"policy.service_unknown") && holds(b"invalid_request.malformed"), "it was answered");
    for secret in [TOKEN.as_bytes(), &[1; 32], encode(&[1; 32]).as_bytes(), b"nrv1:", b"/vault"] {
        assert!(!holds(secret), "{}", String::from_utf8_lossy(secret));
    }
    let lines = lines.lock().expect("no panic");
    assert!(!lines.is_empty() && lines.iter().all(|line| line.starts_with("GET /v1/")), "{lines:?}");
    let records = sidecar.records();
    let made = records.iter().filter(|record| record["event"] == "begin").count();
    assert_eq!(sidecar.server.counts.requests(), made, "no request without its line");
    assert!(records.iter().all(|record| record["uid"] == SHOP));
    assert!(sidecar.child.try_wait().expect("a state").is_none(), "the daemon runs");
    assert!(alone::until(|| descriptors(&sidecar) <= before + made), "what was sent with a greeting is not kept");
    let names = fs::read_to_string("/proc/net/unix").expect("sockets");
    assert!(!names.lines().any(|line| line.contains('@') && line.contains("outbound")), "{names}");
}

#[test]
fn a_crash_leaves_no_core_even_where_the_limit_allows_one() {
    let mut sidecar = Sidecar::new();
    sidecar.restart_as_its_user(&["--core=unlimited"]);
    let process = PathBuf::from(format!("/proc/{}", sidecar.child.id()));
    assert_eq!(
        fs::metadata(process.join("environ")).expect("a process").uid(),
        0,
        "a process that is not dumpable is root's"
    );
    let limits = fs::read_to_string(process.join("limits")).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert!(core.contains("unlimited"), "{core}");
    sidecar.signal(Signal::SIGABRT);
    let end = sidecar.child.wait().expect("an end");
    assert_eq!((end.signal(), end.core_dumped()), (Some(Signal::SIGABRT as i32), false));
    let run = sidecar.path("run");
    let left: Vec<_> = fs::read_dir(&run).expect("files").map(|file| file.expect("a file").file_name()).collect();
    assert_eq!(left, ["v1.sock"], "its working directory");
}

#[test]
fn the_units_limit_of_cores_holds_as_well() {
    let mut sidecar = Sidecar::new();
    sidecar.restart_as_its_user(&["--core=0"]);
    let status = fs::read_to_string(format!("/proc/{}/status", sidecar.child.id())).expect("a status");
    for line in ["NoNewPrivs:\t1", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"] {
        assert!(status.lines().any(|found| found == line), "{line}: {status}");
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", sidecar.child.id())).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}

fn of<'a>(copies: &'a [Copy], secret: &str) -> Vec<&'a Copy> {
    copies.iter().filter(|copy| copy.secret == secret).collect()
}

#[test]
fn nothing_remains_of_a_token_and_the_key_is_locked() {
    let place = Authority::new();
    let canaries = Canaries::make(place.directory(), &["token", "KEY:key"]);
    let file = canaries.file.to_str().expect("text");
    let key: [u8; 32] = canaries.get("key").try_into().expect("32 bytes");
    let key_file = place.directory().join("vault.key");
    fs::write(&key_file, encode(&key)).expect("a file");
    let payload = json!({"token": canaries.text("token")}).to_string();
    let sealed = seal(payload.as_bytes(), IDENTIFIER, &key, Algorithm::XChaCha20Poly1305);
    let (arrived, go_on) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let gates = (Arc::clone(&arrived), Arc::clone(&go_on));
    let expected = format!("Bearer {}", canaries.text("token"));
    let sidecar = Sidecar::with(
        move |peer| {
            let received = peer.read().expect("a request");
            assert_eq!(received.header("authorization"), Some(expected.as_str()));
            gates.0.wait();
            gates.1.wait();
            peer.write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
            true
        },
        |document| {
            let vault = document["envelopes"].as_str().expect("a path");
            fs::write(Path::new(vault).join(IDENTIFIER), &sealed).expect("an envelope");
            document["outbound"]["master_keys"] = json!([{"provider": "file", "path": key_file}]);
        },
    );
    let pid = sidecar.child.id();
    let (mut caller, id) = (sidecar.caller(), next_id());
    caller.decide(id, "shop", &own("GET"), 0).expect("a decision");
    caller.send(id, b"");
    arrived.wait();
    let during = in_process(pid, file);
    assert!(!of(&during, "token").is_empty(), "the search finds what is there: {during:?}");
    go_on.wait();
    assert_eq!(caller.answer(id).expect("an answer").head["status"], 200);
    assert!(alone::until(|| of(&in_process(pid, file), "token").is_empty()), "{:?}", in_process(pid, file));
    let after = in_process(pid, file);
    let keys = of(&after, "key");
    assert!(keys.len() == 1 && keys.iter().all(|copy| copy.locked), "one for all callers, locked: {after:?}");
    assert_eq!(in_core(pid, file).len(), 0, "locked pages are left out of cores");
}
