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

/// To each request, so that no call meets a connection that is about to be closed.
fn responds(peer: &mut Peer<'_>) -> bool {
    while peer.read().is_some() && peer.respond("ok") {}
    true
}

fn sealed(payload: &Value, identifier: &str) -> String {
    support::seal(payload.to_string().as_bytes(), identifier, &KEY, Algorithm::XChaCha20Poly1305)
}

/// The head that comes back to a body in pieces, signed with this.
fn head_of_pieces(client: &Client, entry: &Value, payload: &Value) -> Value {
    let request = client.request("PUT", |request| request["credentials"] = json!([entry]));
    let (status, upload, refused) = start_upload(client.engine, &request, Some(3), &sealed(payload, "signer"), 0);
    assert_eq!(status, 0, "{refused}");
    write(upload, b"abc", 1);
    while wait(&[upload], 100) != (0, vec![1]) {}
    let (_, head) = head(upload);
    end(upload);
    head
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
    let client = client(responds);
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
    let client = client(responds);
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
    let client = client(responds);
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
    // The halves of a pair are put together at last.
    let half = |name: &str| support::seal(b"half", name, &KEY, Algorithm::XChaCha20Poly1305);
    let request = client.request("PUT", |request| {
        request["idempotency_key"] = json!("order-7");
        request["credentials"] = json!([
            {"identifier": "user", "type": "secret", "placement": "basic_username"},
            {"identifier": "password", "type": "secret", "placement": "basic_password"},
            {"identifier": "signer", "type": "hmac"},
        ]);
    });
    let envelopes = json!([half("user"), half("password"), sealed(&signing, "signer")]).to_string();
    let reply = send(client.engine, &request, b"", &envelopes);
    assert_eq!(reply.code(), "credential.placement_conflict", "{}", reply.head);
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
    let client = client(responds);
    let begun = |template: &str| {
        let payload = payload(&client, json!({"template": template}));
        head_of_pieces(&client, &json!({"identifier": "signer", "type": "hmac"}), &payload)
    };
    let refused = begun("{time} {body:sha256:hex}");
    assert_eq!(refused["error"]["code"], "credential.placement_conflict", "{refused}");
    assert_eq!(client.counts().connections(), 0);
    assert_eq!(begun("{time} {target}")["status"], 200);
    assert_eq!(client.counts().last().body, b"abc");
}

/// A key of AWS for S3, with these changes.
fn key_of_aws(client: &Client, more: Value) -> Value {
    let mut key = json!({
        "access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG", "session_token": "AQoDYXdz//8=",
        "region": "eu-central-1", "service": "s3",
        "binding": {"hosts": [format!("localhost:{}", client.server.address.port())]},
    });
    key.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    key
}

/// A call for a key of AWS, whose entry has the service S3.
fn call_aws(client: &Client, payload: &Value, change: impl FnOnce(&mut Value)) -> Reply {
    call(client, payload, b"abc", |request| {
        request["credentials"][0] = json!({"identifier": "signer", "type": "aws_sigv4", "service": "s3"});
        request["path"] = json!("/bucket/a b");
        change(request);
    })
}

#[test]
fn a_key_of_aws_signs_what_leaves() {
    let client = client(|peer| {
        while let Some(received) = peer.read() {
            let (token, authorization) = (of(&received, "x-amz-security-token"), of(&received, "authorization"));
            let signature = authorization.rsplit('=').next().expect("a signature");
            peer.write(format!(
                "HTTP/1.1 200 OK\r\nx-a: {token}\r\nx-b: {signature}\r\nx-c: AKIDEXAMPLE\r\ncontent-length: 0\r\n\r\n"
            ));
        }
        true
    });
    let key = |more: Value| key_of_aws(&client, more);
    let reply = call_aws(&client, &key(json!({})), |request| {
        request["headers"] = json!([["X-Amz-Meta-A", "1"], ["x-other", "2"]]);
    });
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
    let reply = call_aws(&client, &key(json!({"unsigned_payload": true})), |_| {});
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    assert_eq!(of(&client.counts().last(), "x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
    let reply = call_aws(&client, &key(json!({"service": "ses"})), |request| {
        request["credentials"][0]["service"] = json!("ses");
    });
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    assert_eq!(client.counts().last().header("x-amz-content-sha256"), None);

    let sent = client.counts().requests();
    let refusals: [(Change, &str); 6] = [
        (|request| request["headers"] = json!([["X-Amz-Date", "20150830T123600Z"]]), "policy.header_not_allowed"),
        (|request| request["headers"] = json!([["x-amz-security-token", "t"]]), "policy.header_not_allowed"),
        (|request| request["headers"] = json!([["x-amz-content-sha256", "x"]]), "policy.header_not_allowed"),
        (|request| request["query"] = json!([["X-Amz-Expires", "60"]]), "credential.placement_conflict"),
        (|request| request["query"] = json!([["x-amz-other", ""]]), "credential.placement_conflict"),
        (|request| request["path"] = json!("/bucket//b"), "policy.path_not_canonical"),
    ];
    for (change, code) in refusals {
        let reply = call_aws(&client, &key(json!({})), change);
        assert_eq!((reply.code(), reply.sent()), (code, "no"), "{}", reply.head);
    }
    assert_eq!(client.counts().requests(), sent);
}

#[test]
fn a_key_of_aws_signs_the_query() {
    let client = client(|peer| {
        let Some(received) = peer.read() else { return false };
        let signature = received.line().split(['=', ' ']).rev().nth(1).expect("a signature").to_owned();
        peer.write(format!("HTTP/1.1 503 No\r\nx-a: {signature}\r\nx-b: AQoDYXdz//8=\r\ncontent-length: 0\r\n\r\n"))
    });
    let key = key_of_aws(&client, json!({"in": "query", "lifetime": 60, "unsigned_payload": true}));
    let reply = call_aws(&client, &key, |request| {
        request["query"] = json!([["list type", "2"]]);
        request["policy"]["max_attempts"] = json!(2);
    });
    assert_eq!(reply.http_status(), Some(503), "{}", reply.head);
    for at in 0..2 {
        assert_eq!(reply.head["headers"][at][1], "[redacted]", "{}", reply.head);
    }
    let requests = client.counts().received.lock().expect("no poison").clone();
    assert_eq!(requests.len(), 2);
    for received in &requests {
        let target = received.line().split(' ').nth(1).expect("a target").to_owned();
        let names: Vec<_> = target.split(['?', '&']).map(|pair| pair.split('=').next().unwrap_or_default()).collect();
        let filled = ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Security-Token", "Signature"];
        let filled = filled.map(|name| format!("X-Amz-{name}"));
        assert_eq!(names[..2], ["/bucket/a%20b", "list%20type"], "{target}");
        assert_eq!(names[2..], filled, "{target}");
        assert!(target.contains("&X-Amz-Expires=60&X-Amz-SignedHeaders=host&"), "{target}");
        for name in ["authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256"] {
            assert_eq!(received.header(name), None, "{name}");
        }
    }
    // Neither URL nor record of the call has anything of it.
    for sealed in ["X-Amz-", "AQoDYXdz", "AKIDEXAMPLE"] {
        assert!(!reply.head.to_string().contains(sealed), "{}", reply.head);
    }
}

/// The URL of S3 takes the form in which it is signed before it is matched.
#[test]
fn what_is_matched_sent_and_signed_of_s3_is_one_text() {
    let client = client(responds);
    let mut key = key_of_aws(&client, json!({}));
    key["binding"]["paths"] = json!(["/b/a(b)/{key}", "/b/%61%3d"]);
    let called = |change: Change| {
        call_aws(&client, &key, |request| {
            request["policy"]["allowed_paths"] = json!(["/b/a%28b)/{key}", "/b/a="]);
            change(request);
        })
    };
    let sent: [(Change, &str); 4] = [
        (|request| request["path"] = json!("/b/a(b)/c+d"), "/b/a%28b%29/c%2Bd"),
        (|request| request["path"] = json!("/b/a%28b%29/%c3%a4"), "/b/a%28b%29/%C3%A4"),
        (|request| request["path"] = json!("/b/a="), "/b/a%3D"),
        (
            |request| {
                request["url"] =
                    json!(format!("{}/b/%61=?x=(%7e)&versions", request["base_url"].as_str().unwrap_or_default()));
                request.as_object_mut().expect("an object").remove("path");
            },
            "/b/a%3D?x=%28~%29&versions",
        ),
    ];
    for (change, target) in sent {
        let reply = called(change);
        assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
        assert_eq!(client.counts().last().line(), format!("PUT {target} HTTP/1.1"));
        let template = if target.starts_with("/b/a%28") { "/b/a%28b)/{key}" } else { "/b/a=" };
        assert_eq!(reply.head["audit"]["path_template"], template, "the pattern, as the policy has it");
    }
    let reply = called(|request| request["path"] = json!("/b/a+b/c"));
    assert_eq!(reply.code(), "policy.path_not_allowed", "{}", reply.head);
}

#[test]
fn the_entry_names_the_service_that_is_sealed() {
    let client = client(responds);
    let called = |sealed: &str, declared: Value| {
        let key = key_of_aws(&client, json!({"service": sealed}));
        let reply = call_aws(&client, &key, |request| {
            request["credentials"][0]["service"] = declared;
        });
        reply.head["error"]["code"].as_str().map(str::to_owned)
    };
    for (sealed, declared) in [("s3", json!("s3")), ("ses", json!("ses")), ("ses", Value::Null)] {
        assert_eq!(called(sealed, declared.clone()), None, "{sealed} {declared}");
    }
    let sent = client.counts().requests();
    for (sealed, declared) in [("s3", Value::Null), ("s3", json!("ses")), ("ses", json!("s3")), ("ses", json!("es"))] {
        assert_eq!(called(sealed, declared.clone()).as_deref(), Some("policy.binding_violated"), "{sealed} {declared}");
    }
    for declared in ["", "S3", "a b"] {
        assert_eq!(called("s3", json!(declared)).as_deref(), Some("invalid_request.malformed"), "{declared}");
    }
    let reply = call(&client, &payload(&client, json!({})), b"", |request| {
        request["credentials"][0]["service"] = json!("s3");
    });
    assert_eq!(reply.code(), "invalid_request.malformed", "{}", reply.head);
    assert_eq!(client.counts().requests(), sent);
}

#[test]
fn a_body_in_pieces_is_for_s3_and_unsigned() {
    let client = client(responds);
    let begun = |more: Value, service: &str| {
        let entry = json!({"identifier": "signer", "type": "aws_sigv4", "service": service});
        head_of_pieces(&client, &entry, &key_of_aws(&client, more))
    };
    for (more, service) in
        [(json!({}), "s3"), (json!({"service": "ses"}), "ses"), (json!({"service": "ses", "in": "query"}), "ses")]
    {
        let refused = begun(more, service);
        assert_eq!(refused["error"]["code"], "credential.placement_conflict", "{refused}");
    }
    assert_eq!(client.counts().connections(), 0);
    for more in [json!({"unsigned_payload": true}), json!({"unsigned_payload": true, "in": "query"})] {
        assert_eq!(begun(more, "s3")["status"], 200);
        assert_eq!(client.counts().last().body, b"abc");
    }
}
