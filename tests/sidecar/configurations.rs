//! Configurations and sockets that the daemon does not take.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::host::{STRANGER, Sidecar};

/// What a refusal says, and what changes the configuration so.
type Fault<'a> = (&'a str, &'a dyn Fn(&mut Value));

fn run(directory: &Path, socket: &Path, check: bool) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_secure-outbound-sidecar"));
    command.arg("--config").arg(directory.join("sidecar.json"));
    match check {
        true => command.arg("--check"),
        false => command.arg("--listen").arg(socket),
    };
    command.output().expect("the daemon")
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

#[test]
fn what_is_wrong_is_named_and_no_socket_is_made() {
    let sidecar = Sidecar::new();
    let directory = sidecar.authority.directory();
    let check = |change: &dyn Fn(&mut Value)| {
        let mut document = sidecar.document.clone();
        change(&mut document);
        fs::write(directory.join("sidecar.json"), document.to_string()).expect("a configuration");
        run(directory, &directory.join("none.sock"), true)
    };
    assert!(check(&|_| {}).status.success());
    let cases: [Fault<'_>; 9] = [
        ("unknown field `polices`", &|document| document["polices"] = json!({})),
        ("version must be 1", &|document| document["version"] = json!(2)),
        ("envelopes must be an absolute path", &|document| document["envelopes"] = json!("vault")),
        ("there is no user \"no-such-user\"", &|document| document["callers"][0]["user"] = json!("no-such-user")),
        ("there is no service \"none\"", &|document| document["callers"][0]["services"] = json!(["none"])),
        ("is there twice", &|document| document["callers"][1]["user"] = json!("root")),
        ("does not know", &|document| document["callers"][0]["user"] = json!(65_534)),
        ("outbound: the document has an unknown field `limit`", &|document| document["outbound"]["limit"] = json!({})),
        ("services.shop: the document has an unknown field", &|document| {
            document["services"]["shop"]["policy"]["hosts"] = json!([]);
        }),
    ];
    for (why, change) in cases {
        let said = refusal(&check(change));
        assert!(said.contains("configuration.invalid") && said.contains(why), "{why}: {said}");
    }
}

#[test]
fn files_that_others_can_write_are_not_used() {
    let sidecar = Sidecar::new();
    let directory = sidecar.authority.directory();
    let file = directory.join("sidecar.json");
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    let check = || run(directory, &directory.join("none.sock"), true);
    for wrong in [0o620, 0o602] {
        mode(&file, wrong);
        assert!(refusal(&check()).contains("which nobody else can write"));
    }
    mode(&file, 0o640);
    assert!(check().status.success());
    chown(&file, Some(STRANGER), None).expect("an owner");
    assert!(refusal(&check()).contains("which nobody else can write"));
    chown(&file, Some(0), None).expect("an owner");
    mode(&directory.join("vault"), 0o777);
    assert!(refusal(&check()).contains("envelopes"));
    mode(&directory.join("vault"), 0o700);
    mode(directory, 0o777);
    let said = refusal(&run(directory, &directory.join("none.sock"), false));
    assert!(said.contains("--listen") && !directory.join("none.sock").exists(), "{said}");
    mode(directory, 0o755);
    let said = refusal(&run(directory, &sidecar.socket(), false));
    assert!(said.contains("another process listens there"), "{said}");
    assert!(
        refusal(
            &Command::new(env!("CARGO_BIN_EXE_secure-outbound-sidecar"))
                .arg("--config")
                .arg(&file)
                .output()
                .expect("the daemon")
        )
        .contains("systemd handed over no socket")
    );
}
