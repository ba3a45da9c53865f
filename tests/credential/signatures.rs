//! Requests that are signed as they leave: what the server receives, attempt by attempt, and what is refused.

use secure_outbound::envelope::aead::Algorithm;
use secure_outbound::secret::Secret;
use secure_outbound::sign::Hash;
use serde_json::{Value, json};

use crate::support;
use crate::support::client::{Client, Over};
use crate::support::library::{Reply, end, head, send, start_upload, wait, write};
use crate::support::server::{Peer, Received};

const KEY: [u8; 32] = [3; 32];
const SHARED: &str = "a shared secret of some length";

/// What a case does to the request.
type Change = fn(&mut Value);

fn client(handler: impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static) -> Client {
    let keys = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
    Client::with(Over::Http1, |configuration| configuration["master_keys"] = keys, handler)
}

fn sealed(payload: &Value, identifier: &str) -> String {
    support::seal(payload.to_string().as_bytes(), identifier, &KEY, Algorithm::XChaCha20Poly1305)
}

fn payload(client: &Client, more: Value) -> Value {
    let mut payload = json!({
        "key": SHARED, "alg": "sha256", "template": "{method} {target} {id} {time} {nonce} {body}",
        "headers": {"x-time": "{time}", "x-nonce": "{nonce}", "x-signature": "v1={signature}"},
        "binding": {"hosts": [format!("localhost:{}", client.server.address.port())]},
    });
    payload.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    payload
}

fn call(client: &Client, payload: &Value, body: &[u8], change: impl FnOnce(&mut Value)) -> Reply {
    let request = client.request("PUT", |request| {
        request["credentials"] = json!([{"identifier": "signer", "type": "hmac"}]);
        request["idempotency_key"] = json!("order-7");
        change(request);
    });
    send(client.engine, &request, body, &sealed(payload, "signer"))
}

fn of<'a>(received: &'a Received, name: &str) -> &'a str {
    received.header(name).expect("a header")
}

/// The signature that a request has to have.
fn expected(received: &Received) -> String {
    let target = received.line().split(' ').nth(1).expect("a target");
    let fresh = format!("{} {}", of(received, "x-time"), of(received, "x-nonce"));
    let message = format!("PUT {target} order-7 {fresh} {}", String::from_utf8_lossy(&received.body));
    let mac = Hash::Sha256.mac(&Secret::new(SHARED.into()), [message.as_bytes()]);
    mac.expose().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_attempt_is_signed_anew() {
    let client = client(|peer| {
        let Some(_) = peer.read() else { return false };
        let status = if peer.connection < 2 { "503 Not Now" } else { "200 OK" };
        peer.write(format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"));
        false
    });
    let reply = call(&client, &payload(&client, json!({})), b"the body", |request| {
        request["policy"]["max_attempts"] = json!(3);
        request["query"] = json!([["a", "b c"]]);
    });
    assert_eq!((reply.http_status(), &reply.head["audit"]["attempts"]), (Some(200), &json!(3)), "{}", reply.head);
    let received = client.counts().received.lock().expect("no poison").clone();
    let mut nonces = Vec::new();
    for request in &received {
        assert_eq!(of(request, "x-signature"), format!("v1={}", expected(request)));
        assert_eq!((of(request, "idempotency-key"), of(request, "x-nonce").len()), ("order-7", 22));
        nonces.push(of(request, "x-nonce").to_owned());
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!((received.len(), nonces.len()), (3, 3));
}

#[test]
fn a_signature_goes_into_the_query_behind_a_key_of_another_credential() {
    let client = client(|peer| peer.read().is_some() && peer.respond("ok"));
    let signing = payload(&client, json!({"template": "{target}", "headers": {}, "query": {"sig": "{signature}"}}));
    let request = client.request("GET", |request| {
        request["path"] = json!("/map");
        request["credentials"] = json!([
            {"identifier": "signer", "type": "hmac"},
            {"identifier": "key", "type": "secret", "placement": {"type": "query", "name": "key"}},
        ]);
    });
    let key = support::seal(b"k/1", "key", &KEY, Algorithm::XChaCha20Poly1305);
    let reply = send(client.engine, &request, b"", &json!([sealed(&signing, "signer"), key]).to_string());
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    let mac = Hash::Sha256.mac(&Secret::new(SHARED.into()), [&b"/map?key=k%2F1"[..]]);
    let mac: String = mac.expose().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(client.counts().last().line(), format!("GET /map?key=k%2F1&sig={mac} HTTP/1.1"));
}

#[test]
fn a_signature_that_comes_back_is_redacted() {
    let client = client(|peer| {
        let Some(received) = peer.read() else { return false };
        let (signature, nonce) = (of(&received, "x-signature"), of(&received, "x-nonce"));
        peer.write(format!("HTTP/1.1 200 OK\r\nx-a: {signature}\r\nx-b: {nonce}\r\ncontent-length: 0\r\n\r\n"))
    });
    let reply = call(&client, &payload(&client, json!({})), b"", |_| {});
    let headers = &reply.head["headers"];
    assert_eq!(headers[0], json!(["x-a", "[redacted]"]), "{headers}");
    assert_eq!(headers[1][1], json!(of(&client.counts().last(), "x-nonce")), "what is no secret stays");
}

#[test]
fn what_cannot_be_signed_is_not_sent() {
    let client = client(|peer| peer.read().is_some() && peer.respond("ok"));
    let plain = payload(&client, json!({}));
    let header = payload(&client, json!({"template": "{header:x-part}"}));
    let query = payload(&client, json!({"headers": {}, "query": {"sig": "{signature}"}}));
    let bound = payload(&client, json!({"binding": {"hosts": ["other.example"]}}));
    let cases: [(&Value, Change, &str, &str); 8] = [
        (&plain, |request| request["idempotency_key"] = Value::Null, "invalid_request.malformed", "no idempotency_key"),
        (&header, |_| {}, "invalid_request.malformed", "is missing in the request, or is there twice"),
        (
            &header,
            |request| request["headers"] = json!([["x-part", "a"], ["X-Part", "b"]]),
            "invalid_request.malformed",
            "is missing in the request, or is there twice",
        ),
        (
            &plain,
            |request| request["headers"] = json!([["X-Signature", "v1=00"]]),
            "credential.placement_conflict",
            "the request sets a header that it fills",
        ),
        (
            &plain,
            |request| request["idempotency_header"] = json!("x-nonce"),
            "credential.placement_conflict",
            "another idempotency_header",
        ),
        (
            &query,
            |request| request["query"] = json!([["sig", "00"]]),
            "credential.placement_conflict",
            "the query already has a parameter",
        ),
        (&bound, |_| {}, "policy.binding_violated", "signer"),
        (
            &plain,
            |request| request["credentials"][0]["type"] = json!("api_key"),
            "credential.payload_invalid",
            "signer",
        ),
    ];
    for (payload, change, code, says) in cases {
        let reply = call(&client, payload, b"", change);
        let message = reply.head["error"]["message"].as_str().unwrap_or_default();
        assert_eq!((reply.code(), reply.sent()), (code, "no"), "{}", reply.head);
        assert!(message.contains(says) && message.contains("signer"), "{message}");
        for sealed in [SHARED, "x-part", "x-signature"] {
            assert!(!reply.head.to_string().contains(sealed), "{}", reply.head);
        }
    }
    assert_eq!(client.counts().connections(), 0);
    let reply = call(&client, &header, b"", |request| request["headers"] = json!([["x-part", "a"]]));
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
}

#[test]
fn two_signatures_and_a_place_that_is_taken() {
    let client = client(|peer| peer.read().is_some() && peer.respond("ok"));
    let signing = payload(&client, json!({"headers": {"authorization": "{signature}"}}));
    for (other, kind) in [(signing.clone(), "hmac"), (json!({"token": "t"}), "bearer")] {
        let request = client.request("PUT", |request| {
            request["idempotency_key"] = json!("order-7");
            request["credentials"] =
                json!([{"identifier": "signer", "type": "hmac"}, {"identifier": "other", "type": kind}]);
        });
        let envelopes = json!([sealed(&signing, "signer"), sealed(&other, "other")]).to_string();
        let reply = send(client.engine, &request, b"", &envelopes);
        assert_eq!(reply.code(), "credential.placement_conflict", "{}", reply.head);
    }
    assert_eq!(client.counts().connections(), 0);
}

#[test]
fn a_signed_request_follows_no_redirect() {
    let client = client(|peer| {
        let moved = "HTTP/1.1 307 Moved\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
        while peer.read().is_some() {
            peer.write(moved);
        }
        true
    });
    let payload = payload(&client, json!({}));
    let reply = call(&client, &payload, b"", |request| request["policy"]["max_redirects"] = json!(1));
    assert_eq!(reply.code(), "policy.redirect_not_allowed", "{}", reply.head);
    assert_eq!(call(&client, &payload, b"", |_| {}).http_status(), Some(307));
    assert_eq!(client.counts().requests(), 2);
}

#[test]
fn a_body_in_pieces_is_sent_where_it_is_not_signed() {
    let client = client(|peer| peer.read().is_some() && peer.respond("ok"));
    let begun = |template: &str| {
        let request = client.request("PUT", |request| {
            request["credentials"] = json!([{"identifier": "signer", "type": "hmac"}]);
        });
        let envelope = sealed(&payload(&client, json!({"template": template})), "signer");
        let (status, upload, refused) = start_upload(client.engine, &request, Some(3), &envelope, 0);
        assert_eq!(status, 0, "{refused}");
        write(upload, b"abc", 1);
        wait(&[upload], 10_000);
        let (_, head) = head(upload);
        end(upload);
        head
    };
    let refused = begun("{time} {body:sha256:hex}");
    assert_eq!(refused["error"]["code"], "credential.placement_conflict", "{refused}");
    assert_eq!(client.counts().connections(), 0);
    assert_eq!(begun("{time} {target}")["status"], 200);
    assert_eq!(client.counts().last().body, b"abc");
}

#[test]
fn a_key_of_aws_signs_what_leaves() {
    let client = client(|peer| {
        let Some(received) = peer.read() else { return false };
        let (token, authorization) = (of(&received, "x-amz-security-token"), of(&received, "authorization"));
        let signature = authorization.rsplit('=').next().expect("a signature");
        peer.write(format!(
            "HTTP/1.1 200 OK\r\nx-a: {token}\r\nx-b: {signature}\r\nx-c: AKIDEXAMPLE\r\ncontent-length: 0\r\n\r\n"
        ))
    });
    let key = |more: Value| {
        let mut key = json!({
            "access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG", "session_token": "AQoDYXdz//8=",
            "region": "eu-central-1", "service": "s3",
            "binding": {"hosts": [format!("localhost:{}", client.server.address.port())]},
        });
        key.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        key
    };
    let called = |payload: &Value, change: Change| {
        call(&client, payload, b"abc", |request| {
            request["credentials"][0]["type"] = json!("aws_sigv4");
            request["path"] = json!("/bucket/a%20b");
            change(request);
        })
    };
    let reply =
        called(&key(json!({})), |request| request["headers"] = json!([["X-Amz-Meta-A", "1"], ["x-other", "2"]]));
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    for (at, value) in ["[redacted]", "[redacted]", "AKIDEXAMPLE"].into_iter().enumerate() {
        assert_eq!(reply.head["headers"][at][1], value, "{}", reply.head);
    }
    let received = client.counts().last();
    assert_eq!(received.line(), "PUT /bucket/a%20b HTTP/1.1");
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(of(&received, "x-amz-content-sha256"), abc);
    let date = of(&received, "x-amz-date");
    let fields = "host;x-amz-content-sha256;x-amz-date;x-amz-meta-a;x-amz-security-token";
    let scope = format!("Credential=AKIDEXAMPLE/{}/eu-central-1/s3/aws4_request", &date[..8]);
    assert!(
        of(&received, "authorization")
            .starts_with(&format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders={fields}, Signature=")),
        "{}",
        received.head
    );
    called(&key(json!({"unsigned_payload": true})), |_| {});
    assert_eq!(of(&client.counts().last(), "x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
    called(&key(json!({"service": "ses"})), |_| {});
    assert_eq!(client.counts().last().header("x-amz-content-sha256"), None);

    let sent = client.counts().requests();
    let refusals: [(Change, &str); 5] = [
        (|request| request["headers"] = json!([["X-Amz-Date", "20150830T123600Z"]]), "policy.header_not_allowed"),
        (|request| request["headers"] = json!([["x-amz-security-token", "t"]]), "policy.header_not_allowed"),
        (
            |request| request["headers"] = json!([["x-amz-content-sha256", "UNSIGNED-PAYLOAD"]]),
            "credential.placement_conflict",
        ),
        (|request| request["query"] = json!([["X-Amz-Expires", "60"]]), "credential.placement_conflict"),
        (|request| request["path"] = json!("/bucket/a(b"), "invalid_request.malformed"),
    ];
    for (change, code) in refusals {
        let reply = called(&key(json!({})), change);
        assert_eq!((reply.code(), reply.sent()), (code, "no"), "{}", reply.head);
    }
    assert_eq!(client.counts().requests(), sent);
}
