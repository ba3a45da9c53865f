//! Refresh tokens in the daemon: a refresh that was sent goes on without its call, and without the settings that it began with.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::sys::signal::Signal;
use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use super::host::{Caller, Sidecar, next_id, own};
use crate::support::alone::until;
use crate::support::seal;

const CONSENT: &str = "consent";

/// A token endpoint that answers once it is released, and how often it was asked.
#[derive(Clone, Default)]
struct Endpoint {
    released: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

/// A daemon whose service `other` has a refresh token, and the directory in which that is kept.
fn sidecar(endpoint: &Endpoint, change: impl FnOnce(&mut Value)) -> (Sidecar, PathBuf) {
    let serving = endpoint.clone();
    let sidecar = Sidecar::with(
        move |peer| {
            while let Some(received) = peer.read() {
                let mut body = "";
                if received.line().starts_with("POST /token ") {
                    serving.asked.fetch_add(1, Ordering::SeqCst);
                    assert!(until(|| serving.released.load(Ordering::SeqCst)));
                    body =
                        r#"{"access_token": "t1", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r1"}"#;
                }
                if !peer.respond(body) {
                    return false;
                }
            }
            true
        },
        |document| {
            let base = document["services"]["shop"]["base_url"].as_str().expect("a URL").replace("/v1", "");
            let host = base.strip_prefix("https://").expect("a host").to_owned();
            let payload = json!({
                "client_id": "client", "client_secret": "s3cr3t", "refresh_token": "r0", "token_url": base + "/token",
                "binding": {"hosts": [host]},
            });
            let vault = PathBuf::from(document["envelopes"].as_str().expect("a directory"));
            let sealed = seal(payload.to_string().as_bytes(), CONSENT, &[1; 32], Algorithm::Aes256Gcm);
            fs::write(vault.join(CONSENT), sealed).expect("an envelope");
            let directory = vault.with_file_name("refresh");
            fs::create_dir(&directory).expect("a directory");
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).expect("a mode");
            document["outbound"]["refresh_tokens"] = json!({"directory": directory});
            document["services"]["other"]["credentials"] =
                json!([{"identifier": CONSENT, "type": "oauth2_refresh_token"}]);
            change(document);
        },
    );
    let directory = sidecar.path("refresh");
    (sidecar, directory)
}

/// A call that waits for the token endpoint.
fn waiting(sidecar: &Sidecar, endpoint: &Endpoint) -> Caller {
    let (mut caller, id) = (sidecar.caller(), next_id());
    assert_eq!(caller.decide(id, "other", &own("GET"), 0).expect("a decision")["decision"]["allowed"], true);
    caller.send(id, b"");
    assert!(until(|| endpoint.asked.load(Ordering::SeqCst) == 1));
    caller
}

fn is_kept(directory: &Path) -> bool {
    let mut files = fs::read_dir(directory).expect("lists").flatten().map(|entry| entry.path());
    files.any(|path| path.extension().is_some_and(|extension| extension == "refresh"))
}

#[test]
fn the_daemon_goes_on_without_the_call() {
    for reloads in [false, true] {
        let endpoint = Endpoint::default();
        let (mut sidecar, directory) = sidecar(&endpoint, |_| {});
        drop(waiting(&sidecar, &endpoint));
        if reloads {
            sidecar.reload(|document| document["outbound"]["user_agent"] = json!("another/1"));
        }
        assert!(!is_kept(&directory));
        endpoint.released.store(true, Ordering::SeqCst);
        assert!(until(|| is_kept(&directory)), "with a reload: {reloads}");
        let answer = sidecar.caller().call("other", &own("GET"), b"");
        assert_eq!(
            (&answer.head["status"], endpoint.asked.load(Ordering::SeqCst)),
            (&json!(200), 1),
            "{}",
            answer.head
        );
    }
}

#[test]
fn a_daemon_that_is_stopped_waits_for_what_it_has_sent() {
    let endpoint = Endpoint::default();
    let (mut sidecar, directory) = sidecar(&endpoint, |document| document["drain_ms"] = json!(1));
    let caller = waiting(&sidecar, &endpoint);
    sidecar.signal(Signal::SIGTERM);
    // It takes no more connections, and its time for calls is over.
    assert!(until(|| std::os::unix::net::UnixStream::connect(sidecar.socket()).is_err()));
    std::thread::sleep(std::time::Duration::from_millis(100));
    endpoint.released.store(true, Ordering::SeqCst);
    assert!(sidecar.child.wait().expect("an end").success());
    assert!(is_kept(&directory));
    drop(caller);
}
