//! What remains of a client certificate's key in the process that has shown the certificate, while its connection stays open and after.
//! Another process searches its memory as for keys that sign.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::KeyPair;
use rustls::version::{TLS12, TLS13};
use secure_outbound::envelope::aead::Algorithm;
use secure_outbound::secret::Secret;
use secure_outbound::sign::ClientCertificate;
use serde_json::{Value, json};

use super::signing_keys::{Seen, needles, searching, tell};
use crate::support;
use crate::support::alone;
use crate::support::client::Client;
use crate::support::library::{close, open, send};
use crate::support::server::Authority;

const MASTER_KEY: [u8; 32] = [9; 32];

/// Makes two calls on one connection, and at last has the key itself, parsed, so that it is seen what the search would find.
fn shower(task: &Value) {
    tell(&task["port"], "before");
    let (_, engine, _) = open(&task["configuration"]);
    for call in ["first", "second"] {
        let reply = send(engine, &task["request"], b"", task["sealed"].as_str().expect("an envelope"));
        assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
        assert_eq!(reply.head["audit"]["connection_reused"], json!(call == "second"));
    }
    tell(&task["port"], "pooled");
    close(engine);
    tell_parsed(task);
}

/// Has the key of this file in every form while the search goes on.
pub(super) fn tell_parsed(task: &Value) {
    let pem = fs::read(task["key"].as_str().expect("a path")).expect("a file");
    let body: String = String::from_utf8_lossy(&pem).lines().filter(|line| !line.starts_with('-')).collect();
    let der = crate::support::base64(&body);
    let chain = task["chain"].as_str().expect("a text");
    let certificate = ClientCertificate::read(Secret::new(pem), chain).expect("a certificate");
    let form = rustls::pki_types::PrivateKeyDer::try_from(der.as_slice()).expect("a form");
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&form).expect("a key");
    tell(&task["port"], "parsed");
    drop(std::hint::black_box((certificate, key, form)));
}

fn stages(name: &str, version: &'static rustls::SupportedProtocolVersion, http2: bool) -> Seen {
    let file = format!("{}/tests/vectors/keys/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    let pem = fs::read_to_string(&file).expect("a key");
    let needles = Arc::new(needles(&pem));
    let seen = Arc::new(Mutex::new(Seen::default()));
    let port = searching(&needles, &seen);
    let authority = Authority::new();
    // The certificate's maker takes the key in this form only, and the call has it in the other.
    let form = if name.starts_with("rsa") { "rsa-pkcs8" } else { "p256-pkcs8" };
    let same =
        fs::read_to_string(format!("{}/tests/vectors/keys/{form}.pem", env!("CARGO_MANIFEST_DIR"))).expect("a key");
    let chain = authority.client_of(&KeyPair::from_pem(&same).expect("a key"), "client", |_| {}).certificate_chain;
    let tls = authority.judging(&authority, version, if http2 { &[b"h2"] } else { &[] });
    let asked = AtomicUsize::new(0);
    let look = {
        let (needles, seen) = (Arc::clone(&needles), Arc::clone(&seen));
        move || {
            if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                seen.lock().expect("no poison").look("during", &needles);
            }
        }
    };
    let keys = json!([{"provider": "raw", "key_base64": support::encode(&MASTER_KEY)}]);
    let change = |document: &mut Value| {
        document["master_keys"] = keys;
    };
    let client = match http2 {
        true => Client::serving(
            authority,
            Some(tls),
            change,
            support::h2::over(move |connection| {
                while let Some(stream) = connection.request() {
                    look();
                    connection.respond(stream, "ok");
                }
                true
            }),
        ),
        false => Client::serving(authority, Some(tls), change, move |peer| {
            while peer.read().is_some() {
                look();
                if !peer.respond("ok") {
                    break;
                }
            }
            true
        }),
    };
    let host = format!("localhost:{}", client.server.address.port());
    let payload = json!({"private_key": pem, "certificate_chain": chain, "binding": {"hosts": [host]}});
    let request =
        client.request("GET", |request| request["credentials"] = json!([{"identifier": "shown", "type": "mtls"}]));
    let sealed = support::seal(payload.to_string().as_bytes(), "shown", &MASTER_KEY, Algorithm::Aes256Gcm);
    let task = json!({
        "configuration": client.configuration, "request": request, "sealed": sealed, "port": port, "key": file, "chain": chain,
    });
    alone::run("nothing_remains_of_the_key_of_a_client_certificate", &task);
    assert_eq!(client.counts().connections(), 1);
    std::mem::take(&mut *seen.lock().expect("no poison"))
}

#[test]
fn nothing_remains_of_the_key_of_a_client_certificate() {
    if let Some(task) = alone::task() {
        return shower(&task);
    }
    for (name, version, http2, names) in
        [("rsa-pkcs1", &TLS13, true, &["d", "p", "q", "dP", "dQ", "qInv"][..]), ("p256-sec1", &TLS12, false, &["d"])]
    {
        let seen = stages(name, version, http2);
        let stages = &seen.stages;
        println!("{name} {version:?}: {stages:?}");
        assert_eq!(seen.at("during"), &["PEM"], "{name}: the sealed text is there for another connection: {stages:?}");
        assert!(seen.at("pooled").is_empty(), "{name}: {stages:?}");
        let parsed = seen.at("parsed");
        assert!(parsed.contains(&"DER".to_owned()) && parsed.contains(&"PEM".to_owned()), "{name}: {stages:?}");
        for number in names {
            let is_found = |order: &&str| parsed.contains(&format!("{number}, {order}"));
            assert!(["low byte first", "high byte first"].iter().all(is_found), "{name}: {number}: {stages:?}");
        }
    }
}
