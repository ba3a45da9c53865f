//! The systemd units: how much of the system the daemon is left, and a socket that it is handed.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::json;

use super::host::{Caller, Sidecar, own};
use crate::support::server::Authority;

fn unit(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("packaging/sidecar").join(name)
}

#[test]
fn the_service_has_an_exposure_of_at_most_1_5() {
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--threshold=15", "--no-pager"])
        .arg(unit("secure-outbound-sidecar.service"))
        .output()
        .expect("the Debian package systemd");
    let said = String::from_utf8_lossy(&output.stdout);
    let verdict = said.lines().last().unwrap_or_default();
    assert!(output.status.success() && verdict.contains("exposure level"), "{said}");
    // A key that systemd does not know is told on standard error, and counts for nothing.
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn the_units_name_what_the_daemon_has() {
    let text = |name: &str| fs::read_to_string(unit(name)).expect("a unit");
    let (service, socket) = (text("secure-outbound-sidecar.service"), text("secure-outbound-sidecar.socket"));
    let page = fs::read_to_string(unit("../../docs/sidecar.md")).expect("the page");
    for line in ["ListenStream=/run/secure-outbound-sidecar/v1.sock", "SocketGroup=secure-outbound-clients"] {
        assert!(socket.contains(line), "{line}");
        let value = line.split_once('=').expect("a value").1;
        assert!(page.contains(value), "{value} on the page");
    }
    let users = Command::new("systemd-sysusers").arg("--dry-run").arg(unit("sysusers.conf")).output();
    let users = users.expect("the Debian package systemd");
    assert!(users.status.success(), "{users:?}");
    for name in ["User=secure-outbound", "Group=secure-outbound", "LimitCORE=0", "TimeoutStopSec=45"] {
        assert!(service.lines().any(|line| line == name), "{name}");
    }
    assert!(!service.lines().any(|line| line.starts_with("PrivateUsers=")), "every caller would be the same");
    assert!(service.contains("\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6\n"), "TCP, and UDP for HTTP/3");
    for closed in ["SocketBindDeny=", "RestrictNetworkInterfaces=", "PrivateNetwork="] {
        assert!(!service.contains(closed), "{closed} would leave HTTP/3 no socket");
    }
}

#[test]
fn the_man_page_has_every_option() {
    let usage = Command::new(env!("CARGO_BIN_EXE_secure-outbound-sidecar")).arg("--help").output().expect("the daemon");
    assert_eq!(usage.status.code(), Some(64));
    let usage = String::from_utf8_lossy(&usage.stderr).into_owned();
    let page = fs::read_to_string(unit("secure-outbound-sidecar.8")).expect("the man page").replace(r"\-", "-");
    let options: Vec<_> = usage.lines().skip(2).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(options.len() >= 6, "{usage}");
    for option in options {
        assert!(page.lines().any(|line| line.starts_with(".B") && line.contains(option)), "{option}");
    }
}

#[test]
fn the_example_of_the_package_is_a_configuration() {
    let place = Authority::new();
    let text = fs::read_to_string(unit("examples/sidecar.json")).expect("the example");
    let directory = place.directory().to_str().expect("text");
    fs::create_dir(place.directory().join("vault")).expect("a directory");
    fs::write(place.directory().join("vault.key"), [7; 32]).expect("a key");
    fs::write(
        place.directory().join("sidecar.json"),
        text.replace("/etc/secure-outbound-sidecar", directory).replace("/var/log/secure-outbound-sidecar", directory),
    )
    .expect("a configuration");
    let output = Command::new(env!("CARGO_BIN_EXE_secure-outbound-sidecar"))
        .arg("--check")
        .arg("--config")
        .arg(place.directory().join("sidecar.json"))
        .output()
        .expect("the daemon");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn it_serves_the_socket_that_it_is_handed() {
    let mut sidecar = Sidecar::new();
    sidecar.handed_over(&[("v1.sock", "")]);
    let mut caller = Caller::greeted(UnixStream::connect(sidecar.socket()).expect("a connection"));
    assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], json!(200));
    sidecar.signal(Signal::SIGTERM);
    let taken = caller.bye();
    assert!(taken > 0);
    assert!(sidecar.socket().exists(), "the socket is systemd's, and callers wait at it");
}
