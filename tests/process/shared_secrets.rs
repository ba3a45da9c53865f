//! What remains of a shared secret in the process that signed requests with it. Another process searches its memory: for the secret
//! as it was sealed, for its bytes, for what HMAC makes of them (RFC 2104: the padded key with 0x36 and 0x5c), and for the state of
//! the hash after each, with which whoever has it could sign as well.

#![allow(unsafe_code)]

use std::mem::size_of_val;
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use jiff::Timestamp;
use secure_outbound::envelope::aead::Algorithm;
use secure_outbound::secret::Secret;
use secure_outbound::sign::Hash;
use serde_json::{Value, json};

use super::signing_keys::{Needles, Seen, searching, tell};
use crate::support;
use crate::support::alone;
use crate::support::client::{Client, Over};
use crate::support::library::{close, open, send};

const MASTER_KEY: [u8; 32] = [9; 32];

/// 48 bytes in which nothing repeats.
fn secret() -> Vec<u8> {
    (0..48_u8).map(|index| index.wrapping_mul(37) ^ 0x5a).collect()
}

/// Where the keys of two secrets differ: the states of the hash, at least 24 bytes each.
fn states() -> Needles {
    let bytes = |key: &hmac::Key| {
        // SAFETY: they are read as bytes while the key lives; padding between its fields is written by the constructor's copy.
        unsafe { std::slice::from_raw_parts(std::ptr::from_ref(key).cast::<u8>(), size_of_val(key)) }.to_vec()
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret());
    let other = hmac::Key::new(hmac::HMAC_SHA256, b"another");
    let (key, other) = (bytes(&key), bytes(&other));
    let mut states = Vec::new();
    for (place, window) in key.windows(24).enumerate().step_by(8) {
        let differs = window.chunks(4).zip(other[place..place + 24].chunks(4)).all(|(one, two)| one != two);
        if differs {
            states.push((format!("state at {place}"), window.to_vec()));
        }
    }
    assert!(states.len() >= 2, "the inner and the outer one");
    states
}

/// The chain of keys of AWS on a day, and the pads of the last.
fn aws_needles(date: &str) -> Needles {
    let text = support::encode(&secret());
    let mut needles = vec![("bytes".to_owned(), text.clone().into_bytes())];
    let mut key = Secret::new(format!("AWS4{text}").into_bytes());
    for step in [date, "eu-central-1", "s3", "aws4_request"] {
        key = Hash::Sha256.mac(&key, [step.as_bytes()]);
        needles.push((format!("key of {step}"), key.expose().to_vec()));
    }
    for (name, with) in [("inner", 0x36), ("outer", 0x5c)] {
        needles.push((format!("{name} pad"), key.expose().iter().map(|byte| byte ^ with).collect()));
    }
    needles
}

fn needles() -> Needles {
    let xored = |with: u8| secret().iter().map(|byte| byte ^ with).collect();
    let mut needles = vec![
        ("as it was sealed".to_owned(), support::encode(&secret()).into_bytes()),
        ("bytes".to_owned(), secret()),
        ("inner pad".to_owned(), xored(0x36)),
        ("outer pad".to_owned(), xored(0x5c)),
    ];
    needles.extend(states());
    needles
}

/// Makes two attempts of a call, and at last has everything itself, so that it is seen what the search would find.
fn signer(task: &Value) {
    tell(&task["port"], "before");
    let (_, engine, _) = open(&task["configuration"]);
    let reply = send(engine, &task["request"], b"body", task["sealed"].as_str().expect("an envelope"));
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    tell(&task["port"], "after");
    close(engine);
    let all = match task["date"].as_str() {
        Some(date) => aws_needles(date),
        None => needles(),
    };
    tell(&task["port"], "control");
    drop(std::hint::black_box(all));
}

/// Runs the test again as the signer, which makes two attempts with this payload, and gives what was found. It is found during
/// the call that the bytes are there for the next attempt, and nothing else is.
#[track_caller]
fn search(test: &str, kind: &str, mut payload: Value, needles: Needles, date: Option<&str>) {
    let needles = Arc::new(needles);
    let seen = Arc::new(Mutex::new(Seen::default()));
    let port = searching(&needles, &seen);
    let keys = json!([{"provider": "raw", "key_base64": support::encode(&MASTER_KEY)}]);
    let client = Client::with(
        Over::Http1,
        |document| {
            document["master_keys"] = keys;
        },
        {
            let (needles, seen) = (Arc::clone(&needles), Arc::clone(&seen));
            move |peer| {
                let Some(_) = peer.read() else { return false };
                seen.lock().expect("no poison").look("during", &needles);
                let status = if peer.connection == 0 { "503 Not Now" } else { "200 OK" };
                peer.write(format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"));
                false
            }
        },
    );
    payload["binding"] = json!({"hosts": [format!("localhost:{}", client.server.address.port())]});
    let request = client.request("PUT", |request| {
        request["policy"]["max_attempts"] = json!(2);
        request["credentials"] = json!([{"identifier": "signer", "type": kind}]);
        if let Some(service) = payload.get("service") {
            request["credentials"][0]["service"] = service.clone();
        }
    });
    let envelope = support::seal(payload.to_string().as_bytes(), "signer", &MASTER_KEY, Algorithm::Aes256Gcm);
    let task = json!({"configuration": client.configuration, "request": request, "sealed": envelope, "port": port, "date": date});
    alone::run(test, &task);
    let seen = seen.lock().expect("no poison");
    println!("{:?}", seen.stages);
    let during: Vec<_> = seen.stages.iter().filter(|(stage, _)| stage == "during").map(|(_, found)| found).collect();
    assert_eq!(during, [&["bytes"], &["bytes"]]);
    assert!(seen.at("before").is_empty() && seen.at("after").is_empty());
    assert_eq!(seen.at("control").len(), needles.len());
}

#[test]
fn nothing_remains_of_a_secret_that_signed() {
    if let Some(task) = alone::task() {
        return signer(&task);
    }
    let payload = json!({
        "key": support::encode(&secret()), "key_encoding": "base64", "alg": "sha256", "template": "{time}.{body}",
        "headers": {"x-signature": "{signature}"},
    });
    search("nothing_remains_of_a_secret_that_signed", "hmac", payload, needles(), None);
}

#[test]
fn nothing_remains_of_a_key_of_aws_that_signed() {
    if let Some(task) = alone::task() {
        return signer(&task);
    }
    let payload = json!({
        "access_key_id": "AKIDEXAMPLE", "secret_access_key": support::encode(&secret()), "region": "eu-central-1",
        "service": "s3",
    });
    // A call over midnight would use other keys than those that are looked for, and find none of them.
    let date = Timestamp::now().strftime("%Y%m%d").to_string();
    let needles = aws_needles(&date);
    search("nothing_remains_of_a_key_of_aws_that_signed", "aws_sigv4", payload, needles, Some(&date));
}

#[test]
fn nothing_remains_of_a_key_of_aws_that_signed_a_query() {
    if let Some(task) = alone::task() {
        return signer(&task);
    }
    let payload = json!({
        "access_key_id": "AKIDEXAMPLE", "secret_access_key": support::encode(&secret()), "region": "eu-central-1",
        "service": "s3", "in": "query", "unsigned_payload": true,
    });
    let date = Timestamp::now().strftime("%Y%m%d").to_string();
    let needles = aws_needles(&date);
    search("nothing_remains_of_a_key_of_aws_that_signed_a_query", "aws_sigv4", payload, needles, Some(&date));
}
