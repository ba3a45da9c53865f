//! What remains of keys in the process that has assumed a role with some and signed with others. Another process searches its memory:
//! for the sealed key and the temporary one, for the chain that is made of either, and for the session token.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
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

/// 48 characters that no program has in it as they are, others for each `n`.
fn text(n: u8) -> String {
    (0..48_u8).map(|index| char::from(b'a' + index.wrapping_mul(41).wrapping_add(n.wrapping_mul(7)) % 26)).collect()
}

fn needles(date: &str) -> Needles {
    let mut needles = vec![("session token".to_owned(), text(2).into_bytes())];
    for (name, n, service) in [("sealed", 0, "sts"), ("temporary", 1, "s3")] {
        needles.push((format!("{name} key"), text(n).into_bytes()));
        let mut key = Secret::new(format!("AWS4{}", text(n)).into_bytes());
        for step in [date, "eu-central-1", service, "aws4_request"] {
            key = Hash::Sha256.mac(&key, [step.as_bytes()]);
            needles.push((format!("{name} key of {step}"), key.expose().to_vec()));
        }
    }
    needles
}

/// Makes a call, and at last has everything itself, so that it is seen what the search would find.
fn caller(task: &Value) {
    tell(&task["port"], "before");
    let (_, engine, _) = open(&task["configuration"]);
    let reply = send(engine, &task["request"], b"body", task["sealed"].as_str().expect("an envelope"));
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    tell(&task["port"], "after");
    close(engine);
    tell(&task["port"], "closed");
    let all = needles(task["date"].as_str().expect("a date"));
    tell(&task["port"], "control");
    drop(std::hint::black_box(all));
}

#[test]
fn nothing_remains_of_keys_but_those_that_are_kept() {
    if let Some(task) = alone::task() {
        return caller(&task);
    }
    let date = Timestamp::now().strftime("%Y%m%d").to_string();
    let (needles, seen) = (Arc::new(needles(&date)), Arc::new(Mutex::new(Seen::default())));
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
                let Some(received) = peer.read() else { return false };
                let is_sts = received.line().starts_with("POST /sts ");
                seen.lock().expect("no poison").look(if is_sts { "at sts" } else { "at the api" }, &needles);
                let end = Timestamp::now().checked_add(SignedDuration::from_secs(3600)).expect("a time");
                let body = match is_sts {
                    true => format!(
                        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>\
                         <SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken>\
                         <Expiration>{end}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
                        text(1),
                        text(2)
                    ),
                    false => String::new(),
                };
                let length = body.len();
                peer.write(format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"));
                false
            }
        },
    );
    let origin = client.server.url("https", "localhost");
    let payload = json!({
        "access_key_id": "AKIDEXAMPLE", "secret_access_key": text(0), "region": "eu-central-1", "service": "s3",
        "exchange": {"url": origin + "/sts", "role_arn": "arn:aws:iam::123456789012:role/media"},
        "binding": {"hosts": [format!("localhost:{}", client.server.address.port())]},
    });
    let request = client.request("PUT", |request| {
        request["credentials"] = json!([{"identifier": "signer", "type": "aws_sigv4", "service": "s3"}]);
    });
    let envelope = support::seal(payload.to_string().as_bytes(), "signer", &MASTER_KEY, Algorithm::Aes256Gcm);
    let task = json!({"configuration": client.configuration, "request": request, "sealed": envelope, "port": port, "date": date});
    alone::run("nothing_remains_of_keys_but_those_that_are_kept", &task);
    let seen = seen.lock().expect("no poison");
    println!("{:?}", seen.stages);
    assert_eq!(seen.at("at sts"), ["sealed key"]);
    assert_eq!(seen.at("at the api"), ["sealed key", "session token", "temporary key"]);
    assert_eq!(seen.at("after"), ["session token", "temporary key"], "what is kept, as access tokens are");
    for stage in ["before", "closed"] {
        assert!(seen.at(stage).is_empty(), "{stage}: {:?}", seen.stages);
    }
    assert_eq!(seen.at("control").len(), needles.len());
}
