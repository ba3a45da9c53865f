//! The thread that resolves a name starts with every signal blocked, and no call waits for it after its deadline.

use std::fs;
use std::net::UdpSocket;

use serde_json::json;

use crate::support::alone;
use crate::support::library::{open, send};
use crate::support::server::{Authority, request};

/// All except SIGKILL and SIGSTOP, which cannot be blocked, and two that the C library reserves for itself.
const EVERY_SIGNAL: u64 = !(1 << 8 | 1 << 18 | 1 << 31 | 1 << 32);

/// The test runs in a network namespace. Its only name server is a socket of the test on loopback, which never answers.
#[test]
fn a_hanging_lookup_has_every_signal_blocked_and_ends_with_the_deadline() {
    let name = "a_hanging_lookup_has_every_signal_blocked_and_ends_with_the_deadline";
    if alone::task().is_none() {
        let authority = Authority::new();
        let file = authority.directory().join("resolv.conf");
        fs::write(&file, "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n").expect("a file");
        let mount = format!("mount --bind {} /etc/resolv.conf", file.display());
        let script = format!("ip link set lo up && {mount} && exec \"$0\" \"$@\"");
        alone::run_under(&["unshare", "-n", "-m", "sh", "-c", &script], name, &json!({}));
        return;
    }
    let nameserver = UdpSocket::bind("127.0.0.1:53").expect("the namespace's own port");
    let call = std::thread::spawn(|| {
        let (status, engine, head) = open(&json!({"version": 1}));
        assert_eq!(status, 0, "{head}");
        let mut request = request("GET", "https://silent.example", "/");
        request["timeout_ms"] = 1000.into();
        send(engine, &request, b"", "")
    });
    let (length, _) = nameserver.recv_from(&mut [0; 512]).expect("a question");
    assert!(length > 0);
    assert_eq!(blocked("outbound-dns"), [EVERY_SIGNAL]);

    let reply = call.join().expect("the call came back");
    assert_eq!((reply.code(), reply.sent()), ("timeout.total", "no"), "{}", reply.head);
}

/// The signal masks of this process's threads that have this name.
fn blocked(name: &str) -> Vec<u64> {
    let tasks = fs::read_dir("/proc/self/task").expect("proc").flatten();
    let statuses = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    let field = |status: &str, key: &str| {
        status.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned()).unwrap_or_default()
    };
    statuses
        .filter(|status| field(status, "Name:") == name)
        .map(|status| u64::from_str_radix(&field(&status, "SigBlk:"), 16).expect("a mask"))
        .collect()
}
