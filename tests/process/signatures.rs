//! What remains of signatures and assertions in the process that has made and sent them. The servers tell what came, and another process
//! searches the memory for it.

use std::sync::{Arc, Mutex};

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use super::signing_keys::{Needles, Seen, searching_for, tell};
use crate::support;
use crate::support::alone;
use crate::support::client::{Client, Over};
use crate::support::jwt::key;
use crate::support::library::{close, open, send};
use crate::support::oauth::{Site, sealed, token};
use crate::support::server::Received;

const MASTER_KEY: [u8; 32] = [9; 32];

/// What came, and what was found of it when it came and later.
#[derive(Default)]
struct Watched {
    needles: Arc<Mutex<Needles>>,
    seen: Arc<Mutex<Seen>>,
}

impl Watched {
    /// A port on which a process tells how far it is.
    fn port(&self) -> u16 {
        let needles = Arc::clone(&self.needles);
        searching_for(move |look| look(&needles.lock().expect("no poison")), &self.seen)
    }

    /// What is to be done with each request: it has something between these.
    fn watch(&self, between: (&'static str, &'static str)) -> impl Fn(&Received) + Send + Sync + use<> {
        let (needles, seen) = (Arc::clone(&self.needles), Arc::clone(&self.seen));
        move |received| {
            let all = format!("{}{}", received.head, String::from_utf8_lossy(&received.body));
            let (_, behind) = all.split_once(between.0).expect("its beginning");
            let made = behind.split_once(between.1).expect("its end").0.as_bytes().to_vec();
            assert!(made.len() >= 43, "{all}");
            let mut needles = needles.lock().expect("no poison");
            needles.push(("made".to_owned(), made));
            seen.lock().expect("no poison").look("during", &needles);
        }
    }

    #[track_caller]
    fn is_gone(&self, what: &str) {
        let seen = self.seen.lock().expect("no poison");
        assert_eq!(seen.at("during"), ["made"], "{what}: {:?}", seen.stages);
        assert!(seen.at("after").is_empty(), "{what}: {:?}", seen.stages);
    }
}

/// Makes a call.
fn caller(task: &Value) {
    // So that who it is is known when something comes.
    tell(&task["port"], "before");
    let (_, engine, _) = open(&task["configuration"]);
    let reply = send(engine, &task["request"], b"body", task["sealed"].as_str().expect("an envelope"));
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    drop(reply);
    tell(&task["port"], "after");
    close(engine);
}

#[test]
fn nothing_remains_of_a_signature() {
    if let Some(task) = alone::task() {
        return caller(&task);
    }
    let hmac = json!({
        "key": "a shared secret of some length", "alg": "sha256", "template": "{time}.{body}",
        "headers": {"x-signature": "v1={signature};"},
    });
    let aws = json!({
        "access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG", "region": "eu-central-1", "service": "ses",
    });
    let mut in_query = aws.clone();
    in_query["in"] = json!("query");
    for (kind, mut payload, between) in [
        ("hmac", hmac, ("v1=", ";")),
        ("aws_sigv4", aws, ("Signature=", "\r\n")),
        ("aws_sigv4", in_query, ("X-Amz-Signature=", " ")),
    ] {
        let watched = Watched::default();
        let watch = watched.watch(between);
        let keys = json!([{"provider": "raw", "key_base64": support::encode(&MASTER_KEY)}]);
        let client = Client::with(
            Over::Http1,
            |document| {
                document["master_keys"] = keys;
            },
            move |peer| {
                let Some(received) = peer.read() else { return false };
                watch(&received);
                peer.write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                false
            },
        );
        payload["binding"] = json!({"hosts": [format!("localhost:{}", client.server.address.port())]});
        let request = client.request("PUT", |request| {
            request["credentials"] = json!([{"identifier": "signer", "type": kind}]);
        });
        let envelope = support::seal(payload.to_string().as_bytes(), "signer", &MASTER_KEY, Algorithm::Aes256Gcm);
        let task = json!({"configuration": client.configuration, "request": request, "sealed": envelope, "port": watched.port()});
        alone::run("nothing_remains_of_a_signature", &task);
        watched.is_gone(&format!("{kind} {between:?}"));
    }
}

#[test]
fn nothing_remains_of_an_assertion() {
    if let Some(task) = alone::task() {
        return caller(&task);
    }
    for (kind, between) in
        [("oauth2_jwt_bearer", ("&assertion=", "&")), ("oauth2_client_credentials", ("&client_assertion=", "&"))]
    {
        let watched = Watched::default();
        let watch = watched.watch(between);
        let site = Site::closing(move |_, received| {
            watch(received);
            token("t")
        });
        let hosts = [&site.endpoint, &site.api].map(|server| format!("localhost:{}", server.address.port()));
        let mut payload = json!({
            "private_key": key("p256-pkcs8"), "alg": "ES256", "token_url": site.token_url(), "binding": {"hosts": hosts},
            "scopes": ["read"],
        });
        match kind {
            "oauth2_jwt_bearer" => payload["iss"] = json!("robot"),
            _ => {
                payload["client_id"] = json!("robot");
                payload["client_auth"] = json!("private_key_jwt");
            }
        }
        let mut request = site.request("GET");
        request["credentials"][0]["type"] = json!(kind);
        let task = json!({
            "configuration": site.configuration, "request": request, "sealed": sealed(&payload), "port": watched.port(),
        });
        alone::run("nothing_remains_of_an_assertion", &task);
        watched.is_gone(kind);
    }
}
