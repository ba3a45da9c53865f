//! Tests that need a network of their own, with its own resolver.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::alone;

/// Runs the body of the test `name`, of the caller's file, in a process of its own, in a network that has only loopback
/// and with its own view of the file system. It needs root, `unshare` and `ip`; where they are missing the test fails.
#[track_caller]
pub fn in_own_network(name: &str, body: impl FnOnce()) {
    if alone::task().is_none() {
        alone::run_under(&["unshare", "--net", "--mount", "--"], name, &json!({}));
    } else {
        ip(&["link", "set", "lo", "up"]);
        body();
    }
}

/// Gives this network an address, which the test can then listen at.
pub fn add_address(address: &str) {
    match address.contains(':') {
        // Without duplicate address detection the address works at once.
        true => ip(&["-6", "addr", "add", &format!("{address}/128"), "dev", "lo", "nodad"]),
        false => ip(&["addr", "add", &format!("{address}/32"), "dev", "lo"]),
    }
}

/// Lets getaddrinfo read these lines as the hosts file, and ask the name server at 127.0.0.1 for the rest.
pub fn resolve_here(directory: &Path, hosts: &str) {
    replace(directory, "/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:20 attempts:1\n");
    replace(directory, "/etc/nsswitch.conf", "hosts: files dns\n");
    replace(directory, "/etc/hosts", hosts);
}

/// Puts another text in a file's place, in this process's view of the file system only.
fn replace(directory: &Path, target: &str, text: &str) {
    let file: PathBuf = directory.join(target.rsplit('/').next().expect("a name"));
    std::fs::write(&file, text).expect("a file");
    let arguments = ["--bind".as_ref(), file.as_os_str(), target.as_ref()];
    let status = Command::new("mount").args(arguments).status().expect("mount, of util-linux");
    assert!(status.success(), "mount --bind over {target}");
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().expect("ip, of iproute2");
    assert!(status.success(), "ip {arguments:?}");
}
