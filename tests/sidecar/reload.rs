//! SIGHUP: what is read anew, and what of the calls before is still there.

use std::fs;

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use super::host::{Caller, Sidecar, own};
use crate::support::seal;
use crate::support::server::{Authority, Peer};

const CLIENT: &str = "client-of-the-tokens";

/// A server that gives tokens, and responds with an error where it is asked for one.
fn serve(peer: &mut Peer<'_>) -> bool {
    while let Some(received) = peer.read() {
        let response = match received.line() {
            line if line.starts_with("POST /token ") => {
                let token = r#"{"access_token": "t1", "token_type": "Bearer", "expires_in": 3600}"#;
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{token}",
                    token.len()
                )
            }
            line if line.contains("/down") => "HTTP/1.1 500 Broken\r\ncontent-length: 0\r\n\r\n".to_owned(),
            _ => "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned(),
        };
        if !peer.write(response) {
            return false;
        }
    }
    true
}

/// A daemon whose service `other` fetches a token, and whose `shop` has a circuit.
pub fn sidecar() -> Sidecar {
    Sidecar::with(serve, |document| {
        let base = document["services"]["shop"]["base_url"].as_str().expect("a URL").replace("/v1", "");
        let payload = json!({"client_id": "client", "client_secret": "s3cr3t", "token_url": base + "/token"});
        let sealed = seal(payload.to_string().as_bytes(), CLIENT, &[1; 32], Algorithm::Aes256Gcm);
        fs::write(vault(document).join(CLIENT), sealed).expect("an envelope");
        document["services"]["other"]["credentials"] =
            json!([{"identifier": CLIENT, "type": "oauth2_client_credentials"}]);
        document["services"]["shop"]["policy"]["breaker"] = json!({"failures": 1, "open_ms": 600_000});
    })
}

fn vault(document: &Value) -> std::path::PathBuf {
    document["envelopes"].as_str().expect("a directory").into()
}

fn broken() -> Value {
    json!({"version": 1, "method": "GET", "path": "/down"})
}

/// How many connections and requests a server has seen.
pub fn seen(sidecar: &Sidecar) -> (usize, usize) {
    (sidecar.server.counts.connections(), sidecar.server.counts.requests())
}

/// Opens the circuit of `shop`, and has `other` fetch its token.
fn used(sidecar: &Sidecar) -> Caller {
    let mut caller = sidecar.caller();
    assert_eq!(caller.call("other", &own("GET"), b"").head["status"], 200);
    assert_eq!(caller.call("shop", &broken(), b"").head["status"], 500);
    assert_eq!(caller.call("shop", &own("GET"), b"").code(), "policy.circuit_open");
    caller
}

#[test]
fn tokens_circuits_and_connections_are_kept() {
    let mut sidecar = sidecar();
    let mut caller = used(&sidecar);
    let (connections, requests) = seen(&sidecar);
    let said = sidecar.reload(|document| {
        document["callers"][0]["limits"] = json!({"calls": 7});
        document["services"]["shop"]["policy"]["response_bytes"] = json!(4096);
        document["services"]["other"]["policy"]["allowed_methods"] = json!(["GET", "PUT"]);
    });
    assert!(said.contains("read anew"), "{said}");
    assert_eq!(caller.call("shop", &own("GET"), b"").code(), "policy.circuit_open");
    assert_eq!(caller.call("other", &own("PUT"), b"").head["status"], 200, "by its new policy");
    assert_eq!(seen(&sidecar), (connections, requests + 1), "no handshake and no token request");
}

#[test]
fn a_service_that_goes_elsewhere_begins_with_a_closed_circuit() {
    let mut sidecar = sidecar();
    let mut caller = used(&sidecar);
    let (connections, requests) = seen(&sidecar);
    sidecar.reload(|document| {
        let base = document["services"]["shop"]["base_url"].as_str().expect("a URL").replace("/v1", "/v2");
        document["services"]["shop"]["base_url"] = json!(base);
    });
    assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
    assert_eq!(caller.call("other", &own("GET"), b"").head["status"], 200);
    assert_eq!(seen(&sidecar), (connections, requests + 2), "no handshake and no token request");
}

#[test]
fn other_settings_begin_anew() {
    let mut sidecar = sidecar();
    let mut caller = used(&sidecar);
    let (connections, requests) = seen(&sidecar);
    sidecar.reload(|document| document["outbound"]["user_agent"] = json!("another/1"));
    assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
    assert_eq!(caller.call("other", &own("GET"), b"").head["status"], 200);
    assert_eq!(seen(&sidecar).1, requests + 3, "with another token");
    assert!(seen(&sidecar).0 > connections);
}

/// A file that the settings name is part of them: no connection outlives the trust that it was made with.
#[test]
fn another_trust_begins_anew() {
    let mut sidecar = sidecar();
    let mut caller = used(&sidecar);
    let requests = seen(&sidecar).1;
    fs::copy(Authority::new().file(), sidecar.authority.file()).expect("another authority");
    sidecar.reload(|_| {});
    assert_eq!(caller.call("shop", &own("GET"), b"").code(), "tls.certificate_invalid");
    assert_eq!(seen(&sidecar).1, requests);
}

/// A key that was taken away is gone at once, though the engine stays.
#[test]
fn an_envelope_and_a_key_are_read_anew() {
    let mut sidecar = sidecar();
    let key = sidecar.path("vault.key");
    fs::write(&key, [1; 32]).expect("a key");
    let path = key.clone();
    sidecar.reload(|document| document["outbound"]["master_keys"] = json!([{"provider": "file", "path": path}]));
    let mut caller = used(&sidecar);
    let modified = fs::metadata(&key).and_then(|metadata| metadata.modified()).expect("a time");
    let file = fs::OpenOptions::new().write(true).open(&key).expect("the key");
    std::io::Write::write_all(&mut &file, &[2; 32]).expect("another key");
    // The stamp stays, so that nothing but the signal tells.
    file.set_modified(modified).expect("the time of before");
    sidecar.reload(|_| {});
    assert_eq!(caller.call("other", &own("GET"), b"").head["error"]["class"], "credential");
}
