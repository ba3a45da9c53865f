//! Requests that are refused for the time: signed once more by the server's clock where it is off by little, and otherwise told.

use std::io::Write;
use std::process::{Command, Stdio};

use jiff::civil::DateTime;
use jiff::tz::Offset;
use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use crate::support;
use crate::support::client::{Client, Over};
use crate::support::clock::{date, takes};
use crate::support::jwt::{key, read_jwt};
use crate::support::library::{Reply, send};
use crate::support::server::Received;

const KEY: [u8; 32] = [3; 32];
const TEN_YEARS: i64 = 315_576_000;

/// A refusal as S3 writes it.
const REFUSAL: &str = "<Error><Code>RequestTimeTooSkewed</Code></Error>";

/// What the server does with a request that was not signed in its minute.
#[derive(Clone)]
struct Refusal {
    ahead: i64,
    status: &'static str,
    /// Further fields, each with its line break.
    fields: &'static str,
    body: Vec<u8>,
}

impl Default for Refusal {
    fn default() -> Self {
        Self { ahead: 600, status: "403 Forbidden", fields: "", body: REFUSAL.into() }
    }
}

/// When a request was signed.
fn signed_at(received: &Received) -> i64 {
    if let Some(time) = received.header("x-time") {
        return time.parse().expect("a number");
    }
    if let Some(time) = received.header("x-amz-date") {
        let time = DateTime::strptime("%Y%m%dT%H%M%SZ", time).expect("a date");
        return Offset::UTC.to_timestamp(time).expect("a time").as_second();
    }
    let token = received.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).expect("a token");
    read_jwt(token).1["iat"].as_i64().expect("a time")
}

fn client(over: Over, refusal: Refusal) -> Client {
    let keys = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
    let change = |configuration: &mut Value| configuration["master_keys"] = keys;
    Client::with(over, change, move |peer| {
        while let Some(received) = peer.read() {
            let Refusal { ahead, status, fields, body } = &refusal;
            let date = date(*ahead);
            let response = if takes(*ahead, signed_at(&received)) {
                format!("HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-length: 2\r\n\r\nok").into_bytes()
            } else {
                let head =
                    format!("HTTP/1.1 {status}\r\ndate: {date}\r\n{fields}content-length: {}\r\n\r\n", body.len());
                [head.as_bytes(), body].concat()
            };
            if !peer.write(response) {
                break;
            }
        }
        true
    })
}

fn payload(client: &Client, kind: &str) -> Value {
    let is_plain = client.request("GET", |_| {})["base_url"].as_str().is_some_and(|url| url.starts_with("http:"));
    let scheme = if is_plain { "http://" } else { "" };
    let mut payload = match kind {
        "hmac" => json!({
            "key": "a shared secret of some length", "alg": "sha256", "template": "{time} {body}",
            "headers": {"x-time": "{time}", "x-signature": "{signature}"},
        }),
        "aws_sigv4" => json!({
            "access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI", "region": "eu-central-1", "service": "ses",
        }),
        _ => json!({"private_key": key("p256-pkcs8"), "alg": "ES256", "iss": "robot"}),
    };
    payload["binding"] = json!({"hosts": [format!("{scheme}localhost:{}", client.server.address.port())]});
    payload
}

fn call(client: &Client, kind: &str, change: impl FnOnce(&mut Value)) -> Reply {
    let request = client.request("POST", |request| {
        request["credentials"] = json!([{"identifier": "signer", "type": kind}]);
        change(request);
    });
    let payload = payload(client, kind).to_string();
    send(client.engine, &request, b"body", &support::seal(payload.as_bytes(), "signer", &KEY, Algorithm::Aes256Gcm))
}

/// The status, what became of each attempt, and how many requests came.
fn seen(client: &Client, reply: &Reply) -> (Option<u64>, Value, usize) {
    (reply.http_status(), reply.head["audit"]["attempt_errors"].clone(), client.counts().requests())
}

#[test]
fn a_clock_that_is_off_by_little_is_corrected_for_one_repeat() {
    for kind in ["hmac", "aws_sigv4", "jwt"] {
        for ahead in [890, -890, 70] {
            let client = client(Over::Http1, Refusal { ahead, ..Refusal::default() });
            let told = json!(["credential.clock_skew"]);
            let reply = call(&client, kind, |_| {});
            assert_eq!(seen(&client, &reply), (Some(200), told.clone(), 2), "{kind} {ahead}: {}", reply.head);
            assert_eq!(reply.head["audit"]["attempts"], 2);
            // What is kept is a token, and no clock.
            let again = call(&client, kind, |_| {});
            let expected = if kind == "jwt" { (Some(200), json!([]), 3) } else { (Some(200), told, 4) };
            assert_eq!(seen(&client, &again), expected, "{kind} {ahead}");
        }
    }
}

#[test]
fn nothing_is_signed_for_a_clock_that_is_far_off() {
    for kind in ["hmac", "aws_sigv4", "jwt"] {
        for ahead in [TEN_YEARS, -TEN_YEARS, 910, -910] {
            let client = client(Over::Http1, Refusal { ahead, ..Refusal::default() });
            let reply = call(&client, kind, |_| {});
            let told = json!(["credential.clock_skew"]);
            assert_eq!(seen(&client, &reply), (Some(403), told, 1), "{kind} {ahead}: {}", reply.head);
            assert_eq!(reply.body, REFUSAL.as_bytes(), "what was looked at is still there");
        }
    }
}

/// The server takes nothing at all.
#[test]
fn a_repeat_that_is_refused_is_the_last() {
    let refusing = |kind: &str, status: &'static str| {
        let keys = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
        let change = |configuration: &mut Value| configuration["master_keys"] = keys;
        let client = Client::with(Over::Http1, change, move |peer| {
            while peer.read().is_some() {
                let length = REFUSAL.len();
                let date = date(600);
                peer.write(format!("HTTP/1.1 {status}\r\ndate: {date}\r\ncontent-length: {length}\r\n\r\n{REFUSAL}"));
            }
            true
        });
        let reply = call(&client, kind, |request| request["policy"]["max_attempts"] = json!(3));
        seen(&client, &reply)
    };
    for kind in ["hmac", "aws_sigv4", "jwt"] {
        let told = json!(["credential.clock_skew", "credential.clock_skew"]);
        assert_eq!(refusing(kind, "403 Forbidden"), (Some(403), told.clone(), 2), "{kind}");
        assert_eq!(refusing(kind, "401 Unauthorized"), (Some(401), told, 2), "{kind}: no other repeat beside it");
    }
}

#[test]
fn a_date_counts_only_where_it_is_the_origins_and_the_refusal_names_the_time() {
    let http_403 = json!(["http_403"]);
    for (why, refusal) in [
        ("another reason", Refusal { body: b"<Code>SignatureDoesNotMatch</Code>".to_vec(), ..Refusal::default() }),
        ("no body", Refusal { body: Vec::new(), ..Refusal::default() }),
        ("a cache", Refusal { fields: "age: 600\r\n", ..Refusal::default() }),
    ] {
        let client = client(Over::Http1, refusal);
        let reply = call(&client, "aws_sigv4", |_| {});
        assert_eq!(seen(&client, &reply), (Some(403), http_403.clone(), 1), "{why}: {}", reply.head);
    }
    let plain = client(Over::Plain, Refusal::default());
    let reply = call(&plain, "aws_sigv4", |_| {});
    assert_eq!(seen(&plain, &reply), (Some(403), http_403.clone(), 1), "without TLS: {}", reply.head);
    let redirecting = client(Over::Http1, Refusal::default());
    let reply = call(&redirecting, "aws_sigv4", |request| request["policy"]["max_redirects"] = json!(1));
    assert_eq!(seen(&redirecting, &reply), (Some(403), http_403, 1), "where redirects are followed: {}", reply.head);
    let other = client(Over::Http1, Refusal { status: "409 Conflict", ..Refusal::default() });
    let reply = call(&other, "aws_sigv4", |_| {});
    assert_eq!(seen(&other, &reply), (Some(409), json!(["http_409"]), 1), "another status: {}", reply.head);
}

#[test]
fn the_time_is_named_in_a_header_or_in_a_coded_body() {
    let mut gzip = Command::new("gzip").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip");
    gzip.stdin.take().expect("a pipe").write_all(REFUSAL.as_bytes()).expect("a pipe");
    let coded = gzip.wait_with_output().expect("an end").stdout;
    for refusal in [
        Refusal { fields: "content-encoding: gzip\r\n", body: coded, ..Refusal::default() },
        Refusal {
            status: "401 Unauthorized",
            fields: "www-authenticate: Bearer error=\"invalid_token\"\r\n",
            body: Vec::new(),
            ..Refusal::default()
        },
    ] {
        let near = client(Over::Http1, refusal.clone());
        let reply = call(&near, "jwt", |_| {});
        assert_eq!(seen(&near, &reply), (Some(200), json!(["credential.clock_skew"]), 2), "{}", reply.head);
        let body = if refusal.body.is_empty() { "" } else { REFUSAL };
        let far = client(Over::Http1, Refusal { ahead: TEN_YEARS, ..refusal });
        assert_eq!(String::from_utf8_lossy(&call(&far, "hmac", |_| {}).body), body, "it is handed over whole");
    }
}

/// A signature that does not say when is not made again for a clock.
#[test]
fn what_says_no_time_is_not_signed_again() {
    let client = client(Over::Http1, Refusal::default());
    let request = client.request("POST", |request| {
        request["credentials"] = json!([{"identifier": "signer", "type": "hmac"}]);
        request["headers"] = json!([["x-time", "0"]]);
    });
    let payload = json!({
        "key": "a shared secret of some length", "alg": "sha256", "template": "{body}", "headers": {"x-signature": "{signature}"},
        "binding": {"hosts": [format!("localhost:{}", client.server.address.port())]},
    });
    let sealed = support::seal(payload.to_string().as_bytes(), "signer", &KEY, Algorithm::Aes256Gcm);
    let reply = send(client.engine, &request, b"body", &sealed);
    assert_eq!(seen(&client, &reply), (Some(403), json!(["http_403"]), 1), "{}", reply.head);
}
