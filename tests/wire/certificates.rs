//! Client certificates: who sees them, which connections are theirs, and what it is when a server takes none.

use std::sync::Arc;

use rcgen::{KeyPair, date_time_ymd};
use rustls::version::{TLS12, TLS13};
use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use crate::support;
use crate::support::client::Client;
use crate::support::h2;
use crate::support::library::{Reply, check, close, end, head, open, read, send, start, wait};
use crate::support::nginx::Nginx;
use crate::support::openssl::SecureServer;
use crate::support::server::{Authority, ClientPair, Server, configuration, request};

const KEY: [u8; 32] = [5; 32];

/// An engine that may call these ports.
fn engine(authority: &Authority, ports: &[u16], change: impl FnOnce(&mut Value)) -> u64 {
    let mut document = configuration(authority, &["localhost", "127.0.0.1"], ports);
    document["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
    change(&mut document);
    let (status, engine, head) = open(&document);
    assert_eq!(status, 0, "{head}");
    engine
}

/// The request with these credentials, types and payloads, and their envelopes.
fn with_credentials(mut request: Value, credentials: &[(&str, Value)]) -> (Value, String) {
    let named = credentials.iter().enumerate().map(|(index, (kind, payload))| (format!("c{index}"), kind, payload));
    let mut envelopes = Vec::new();
    let mut declared = Vec::new();
    for (identifier, kind, payload) in named {
        envelopes.push(support::seal(payload.to_string().as_bytes(), &identifier, &KEY, Algorithm::Aes256Gcm));
        declared.push(json!({"identifier": identifier, "type": kind}));
    }
    request["credentials"] = json!(declared);
    let sealed = match envelopes.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        several => json!(several).to_string(),
    };
    (request, sealed)
}

fn call(engine: u64, port: u16, credentials: &[(&str, Value)]) -> Reply {
    let (request, sealed) = with_credentials(request("GET", &format!("https://localhost:{port}"), "/"), credentials);
    send(engine, &request, b"", &sealed)
}

fn hosts(ports: &[u16]) -> Vec<String> {
    ports.iter().map(|port| format!("localhost:{port}")).collect()
}

/// What nginx says: connection, request on it, HTTP, TLS, its verdict, whether resumed, and the subject.
fn said(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    String::from_utf8_lossy(&reply.body).split(' ').map(str::to_owned).collect()
}

fn rsa() -> KeyPair {
    let file = format!("{}/tests/vectors/keys/rsa-pkcs8.pem", env!("CARGO_MANIFEST_DIR"));
    KeyPair::from_pem(&std::fs::read_to_string(file).expect("a file")).expect("a key")
}

#[test]
fn nginx_verifies() {
    let (authority, strange) = (Authority::new(), Authority::new());
    let nginx = Nginx::verifying(&authority, "60s", "on");
    let ports = [nginx.tls12, nginx.tls13];
    let (between, issuer) = authority.below("between");
    let mut chained = between.client("chained", |_| {});
    chained.certificate_chain.push_str(&issuer);
    let right = authority.client("right", |_| {});
    let past = |params: &mut rcgen::CertificateParams| params.not_after = date_time_ymd(2020, 1, 1);
    for http in ["1.1", "2"] {
        let engine = engine(&authority, &ports, |document| document["http_versions"] = json!([http]));
        for (port, tls) in [(nginx.tls12, "TLSv1.2"), (nginx.tls13, "TLSv1.3")] {
            for (name, pair) in [
                ("right", right.clone()),
                ("rsa", authority.client_of(&rsa(), "rsa", |_| {})),
                ("chained", chained.clone()),
            ] {
                let reply = call(engine, port, &[("mtls", pair.payload(&hosts(&ports)))]);
                let said = said(&reply);
                let protocol = if http == "2" { "HTTP/2.0" } else { "HTTP/1.1" };
                assert_eq!(&said[2..5], [protocol, tls, "SUCCESS"], "{name}");
                assert_eq!(said[6], format!("CN={name}"));
            }
            for (name, pair) in [
                ("wrong", Some(strange.client("right", |_| {}))),
                ("expired", Some(authority.client("expired", past))),
                ("flipped", Some(right.flipped())),
                ("without its issuer", Some(between.client("chained", |_| {}))),
                ("missing", None),
            ] {
                let credentials = pair.map(|pair| ("mtls", pair.payload(&hosts(&ports))));
                let reply = call(engine, port, credentials.as_slice());
                assert_eq!(reply.http_status(), Some(400), "{name}: {}", reply.head);
                let body = String::from_utf8_lossy(&reply.body);
                let why = if name == "missing" { "No required SSL certificate" } else { "SSL certificate error" };
                assert!(body.contains(why), "{name} {http} {tls}: {body}");
            }
        }
        close(engine);
    }
}

/// A program of OpenSSL judges in the handshake, and a server of TLS 1.3 does so when the client's handshake is over.
#[test]
fn openssl_verifies() {
    let (authority, strange) = (Authority::new(), Authority::new());
    let (certificate, key) = authority.files(&["localhost"]);
    let authorities = authority.file();
    let right = authority.client("right", |_| {});
    for version in ["-tls1_2", "-tls1_3"] {
        let options = ["-Verify", "1", "-verify_return_error", version, "-CAfile"].map(std::ffi::OsStr::new);
        let options = [&options[..], &[authorities.as_os_str()]].concat();
        let server = SecureServer::start(&options, &certificate, &key);
        let engine = engine(&authority, &[server.port], |_| {});
        for (name, pair, says) in [
            ("right", right.clone(), None),
            ("rsa", authority.client_of(&rsa(), "rsa", |_| {}), None),
            ("wrong", strange.client("wrong", |_| {}), Some("")),
            (
                "expired",
                authority.client("expired", |params| params.not_after = date_time_ymd(2020, 1, 1)),
                Some("it has expired"),
            ),
            ("flipped", right.flipped(), Some("")),
        ] {
            let reply = call(engine, server.port, &[("mtls", pair.payload(&hosts(&[server.port])))]);
            match says {
                None => assert_eq!(reply.http_status(), Some(200), "{name} {version}: {}", reply.head),
                Some(says) => refused(&reply, says, &format!("{name} {version}")),
            }
        }
        let reply = call(engine, server.port, &[]);
        assert_eq!((reply.code(), reply.sent()), ("tls.handshake_failed", "no"), "{version}: {}", reply.head);
        close(engine);
    }
}

#[track_caller]
fn refused(reply: &Reply, says: &str, what: &str) {
    assert_eq!((reply.code(), reply.sent()), ("tls.client_certificate_refused", "no"), "{what}: {}", reply.head);
    let message = reply.head["error"]["message"].as_str().expect("a text");
    assert!(message.contains(says), "{what}: {message}");
    assert_eq!(reply.head["error"]["retryable"], json!(false));
}

/// Nothing of a request was processed that left before the server had judged, whatever the method, and it is not sent again.
#[test]
fn a_refusal_in_the_handshake_is_no_maybe() {
    for (version, http) in [(&TLS12, "1.1"), (&TLS13, "1.1"), (&TLS12, "2"), (&TLS13, "2")] {
        let authority = Authority::new();
        let other = Authority::new();
        let tls = authority.judging(&other, version, if http == "2" { &[b"h2"] } else { &[] });
        let handler = h2::over(|connection: &mut h2::Connection<'_, '_>| {
            while let Some(stream) = connection.request() {
                connection.respond(stream, "ok");
            }
            true
        });
        let http1 = move |peer: &mut support::server::Peer<'_>| {
            while peer.read().is_some() && peer.respond("ok") {}
            true
        };
        let keys = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
        let change = |document: &mut Value| document["master_keys"] = keys;
        let client = match http {
            "2" => Client::serving(authority, Some(tls), change, handler),
            _ => Client::serving(authority, Some(tls), change, http1),
        };
        let port = client.server.address.port();
        let pair = client.authority.client("strange", |_| {});
        for method in ["GET", "POST"] {
            let request = client.request(method, |request| request["policy"]["max_attempts"] = json!(3));
            let (request, sealed) = with_credentials(request, &[("mtls", pair.payload(&hosts(&[port])))]);
            let reply = send(client.engine, &request, b"", &sealed);
            refused(&reply, "the server refused the client certificate", &format!("{version:?} {http} {method}"));
            assert_eq!(reply.head["audit"]["attempts"], 1);
        }
        // Where the alert comes before the request is handed over, the stack below makes another connection for it.
        assert!(client.counts().connections() >= 2);
        assert_eq!(client.counts().requests(), 0);
    }
}

/// A connection belongs to a certificate with its key, whatever the service and the credential.
#[test]
fn connections_are_kept_apart() {
    let authority = Authority::new();
    let nginx = Nginx::verifying(&authority, "60s", "optional");
    for http in ["1.1", "2"] {
        let port = nginx.tls13;
        let engine = engine(&authority, &[port], |document| document["http_versions"] = json!([http]));
        let shown = |pair: &ClientPair| vec![("mtls", pair.payload(&hosts(&[port])))];
        let (one, two) = (authority.client("one", |_| {}), authority.client("two", |_| {}));
        let bearer = ("bearer", json!({"token": "t"}));
        let of = |credentials: &[(&str, Value)]| {
            let said = said(&call(engine, port, credentials));
            (said[0].clone(), said[6..].join(" "))
        };
        let none = of(&[]);
        let first = of(&shown(&one));
        let second = of(&shown(&two));
        assert_eq!([&none.1, &first.1, &second.1], ["", "CN=one", "CN=two"], "{http}");
        assert!(none.0 != first.0 && first.0 != second.0 && none.0 != second.0, "{none:?} {first:?} {second:?}");
        // Each finds its own again, with another credential beside it, too.
        assert_eq!(of(&[]), none, "{http}");
        assert_eq!(of(&shown(&one)), first, "{http}");
        assert_eq!(of(&[&shown(&two)[..], std::slice::from_ref(&bearer)].concat()), second, "{http}");
        assert_eq!(of(&[std::slice::from_ref(&bearer), &shown(&one)[..]].concat()), first, "{http}");
        assert_eq!(of(&[bearer]), none, "{http}");

        // Whoever has the certificate alone has no connection of its owner.
        let stolen = ClientPair { private_key: two.private_key.clone(), ..one.clone() };
        let reply = call(engine, port, &shown(&stolen));
        assert_eq!((reply.code(), reply.sent()), ("credential.payload_invalid", "no"), "{}", reply.head);
        assert!(reply.head["error"]["message"].as_str().is_some_and(|text| text.contains("\"c0\"")), "{}", reply.head);
        close(engine);
    }
}

/// A policy that narrows the versions of HTTP has connections of its own for a certificate, too.
#[test]
fn connections_of_a_certificate_speak_what_the_policy_leaves() {
    let authority = Authority::new();
    let nginx = Nginx::verifying(&authority, "60s", "optional");
    let port = nginx.tls13;
    let engine = engine(&authority, &[port], |_| {});
    let pair = authority.client("one", |_| {});
    let of = |versions: Value| {
        let mut plain = request("GET", &format!("https://localhost:{port}"), "/");
        plain["policy"]["http_versions"] = versions;
        let (request, sealed) = with_credentials(plain, &[("mtls", pair.payload(&hosts(&[port])))]);
        let said = said(&send(engine, &request, b"", &sealed));
        assert_eq!(said[6..].join(" "), "CN=one");
        (said[0].clone(), said[2].clone())
    };
    let (all, first) = (json!(["2", "1.1"]), json!(["1.1"]));
    let (by_2, by_1) = (of(all.clone()), of(first.clone()));
    assert_eq!((by_2.1.as_str(), by_1.1.as_str()), ("HTTP/2.0", "HTTP/1.1"));
    assert_eq!((of(all), of(first)), (by_2, by_1), "each finds its own again");
    close(engine);
}

/// The same of calls that go on beside each other.
#[test]
fn connections_of_calls_at_once_are_kept_apart() {
    let authority = Authority::new();
    let nginx = Nginx::verifying(&authority, "60s", "optional");
    let port = nginx.tls13;
    for http in ["1.1", "2"] {
        let engine = engine(&authority, &[port], |document| document["http_versions"] = json!([http]));
        let names = ["one", "two", "three"];
        let pairs = names.map(|name| authority.client(name, |_| {}));
        let mut connections = vec![];
        for _ in 0..2 {
            let mut begun = Vec::new();
            for (index, pair) in pairs.iter().map(Some).chain([None]).enumerate() {
                let credentials = pair.map(|pair| ("mtls", pair.payload(&hosts(&[port]))));
                let plain = request("GET", &format!("https://localhost:{port}"), "/");
                let (request, sealed) = with_credentials(plain, credentials.as_slice());
                let (status, exchange, refusal) = start(engine, &request, b"", &sealed, true);
                assert_eq!(status, 0, "{refusal}");
                begun.push((index, exchange));
            }
            let mut seen = Vec::new();
            for (index, exchange) in begun {
                while head(exchange).0 != 0 {
                    wait(&[exchange], 5000);
                }
                let body = String::from_utf8_lossy(&read(exchange, 4096).2).into_owned();
                let words: Vec<_> = body.split(' ').collect();
                let subject = words[6..].join(" ");
                assert_eq!(subject, names.get(index).map_or(String::new(), |name| format!("CN={name}")), "{body}");
                seen.push(words[0].to_owned());
                end(exchange);
            }
            connections.push(seen);
        }
        let apart: std::collections::BTreeSet<_> = connections[0].iter().collect();
        assert_eq!(apart.len(), 4, "{connections:?}");
        assert_eq!(connections[0], connections[1], "each finds its own again: {http}");
        close(engine);
    }
}

/// A session that is resumed needs no certificate: it is resumed by calls that have the same one.
#[test]
fn sessions_are_kept_apart() {
    let authority = Authority::new();
    let nginx = Nginx::verifying(&authority, "0", "optional");
    for port in [nginx.tls12, nginx.tls13] {
        let engine = engine(&authority, &[port], |document| document["http_versions"] = json!(["1.1"]));
        let (one, two) = (authority.client("one", |_| {}), authority.client("two", |_| {}));
        let of = |pair: Option<&ClientPair>| {
            let credentials = pair.map(|pair| ("mtls", pair.payload(&hosts(&[port]))));
            let said = said(&call(engine, port, credentials.as_slice()));
            (said[5] == "r", said[6..].join(" "))
        };
        let (name, other, none) = ("CN=one".to_owned(), "CN=two".to_owned(), String::new());
        assert_eq!(of(Some(&one)), (false, name.clone()));
        assert_eq!(of(Some(&two)), (false, other.clone()), "another one");
        assert_eq!(of(None), (false, none.clone()), "none");
        assert_eq!(of(Some(&one)), (true, name), "the same");
        assert_eq!(of(Some(&two)), (true, other));
        assert_eq!(of(None), (true, none));
        close(engine);
    }
}

/// More certificates than are kept: who comes again makes a new connection, and shows its own.
#[test]
fn only_so_many_are_kept() {
    let authority = Authority::new();
    let nginx = Nginx::verifying(&authority, "60s", "on");
    let port = nginx.tls13;
    let engine = engine(&authority, &[port], |_| {});
    let pairs: Vec<_> = (0..17).map(|number| authority.client(&format!("n{number}"), |_| {})).collect();
    let mut seen = Vec::new();
    for number in (0..17).chain([1, 16, 0]) {
        let reply = call(engine, port, &[("mtls", pairs[number].payload(&hosts(&[port])))]);
        let said = said(&reply);
        assert_eq!(said[6], format!("CN=n{number}"));
        seen.push((number, said[0].clone(), reply.head["audit"]["connection_reused"] == true));
    }
    let reused: Vec<_> = seen[17..].iter().map(|(_, _, reused)| *reused).collect();
    assert_eq!(reused, [true, true, false], "the one that was used longest ago has gone: {seen:?}");
    close(engine);
}

/// Two origins, both of which ask for a certificate. A redirect takes it along inside its origin, and to no other, bound or not.
#[test]
fn redirects_take_it_nowhere_else() {
    let authority = Authority::new();
    let tls = authority.judging(&authority, &TLS13, &[]);
    let there = Server::start(Some(Arc::clone(&tls)), |peer| {
        while peer.read().is_some() && peer.respond("there") {}
        true
    });
    let to = there.address.port();
    let here = Server::start(Some(tls), move |peer| {
        loop {
            let Some(received) = peer.read() else { break true };
            let location = match received.line().split(' ').nth(1) {
                Some("/inside") => "/end".to_owned(),
                Some("/end") => break peer.respond("here"),
                _ => format!("https://localhost:{to}/"),
            };
            if !peer.write(format!("HTTP/1.1 307 There\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")) {
                break false;
            }
        }
    });
    let from = here.address.port();
    let engine = engine(&authority, &[from, to], |_| {});
    let pair = authority.client("one", |_| {});
    for (path, bound, expected) in [
        ("/inside", &[from][..], ""),
        ("/", &[from], "policy.redirect_not_allowed"),
        ("/", &[from, to], "policy.redirect_not_allowed"),
    ] {
        let mut request = request("GET", &format!("https://localhost:{from}"), path);
        request["policy"]["max_redirects"] = json!(1);
        request["policy"]["allowed_hosts"] = json!(hosts(&[from, to]));
        let (request, sealed) = with_credentials(request, &[("mtls", pair.payload(&hosts(bound)))]);
        let reply = send(engine, &request, b"", &sealed);
        assert_eq!(reply.code(), expected, "{}", reply.head);
        if expected.is_empty() {
            assert_eq!(reply.body, b"here");
        }
    }
    assert_eq!(there.counts.connections(), 0);
    close(engine);
}

/// The token endpoint and the API are one server, which takes no connection without the certificate.
#[test]
fn it_is_shown_beside_what_an_assertion_is_exchanged_for() {
    let authority = Authority::new();
    let server = Server::start(Some(authority.judging(&authority, &TLS13, &[])), |peer| {
        while let Some(received) = peer.read() {
            let body = match received.line().split(' ').nth(1) {
                Some("/token") => r#"{"access_token": "token-of-the-assertion", "token_type": "bearer"}"#.to_owned(),
                _ => received.header("authorization").unwrap_or_default().to_owned(),
            };
            if !peer.respond(&body) {
                break;
            }
        }
        true
    });
    let port = server.address.port();
    let engine = engine(&authority, &[port], |_| {});
    let key = std::fs::read_to_string(format!("{}/tests/vectors/keys/p256-pkcs8.pem", env!("CARGO_MANIFEST_DIR")));
    let grant = json!({
        "private_key": key.expect("a file"), "alg": "ES256", "token_url": format!("https://localhost:{port}/token"),
        "binding": {"hosts": hosts(&[port])},
    });
    let certificate = authority.client("one", |_| {}).payload(&hosts(&[port]));
    for (kind, more) in [
        ("oauth2_jwt_bearer", json!({"iss": "robot"})),
        ("oauth2_client_credentials", json!({"client_id": "robot", "client_auth": "private_key_jwt"})),
    ] {
        let mut grant = grant.clone();
        grant.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("an object"));
        let reply = call(engine, port, &[(kind, grant.clone()), ("mtls", certificate.clone())]);
        assert_eq!(reply.body, b"Bearer token-of-the-assertion", "{kind}: {}", reply.head);
        let alone = call(engine, port, &[(kind, grant)]);
        assert_eq!((alone.http_status(), alone.sent()), (None, "no"), "{kind}: {}", alone.head);
    }
    close(engine);
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let authority = Authority::new();
    let server = Server::start(None, |peer| {
        while peer.read().is_some() && peer.respond("plain") {}
        true
    });
    let port = server.address.port();
    let engine = engine(&authority, &[port], |_| {});
    let pair = authority.client("one", |_| {});
    let plain = |pair: &ClientPair| {
        let mut payload = pair.payload(&[]);
        payload["binding"]["hosts"] = json!([format!("http://localhost:{port}")]);
        payload
    };
    let mut over_http = request("GET", &format!("http://localhost:{port}"), "/");
    over_http["policy"]["allow_http"] = json!(true);
    let send = |credentials: &[(&str, Value)]| {
        let (request, sealed) = with_credentials(over_http.clone(), credentials);
        let reply = send(engine, &request, b"", &sealed);
        let message = reply.head["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(reply.sent(), "no", "{message}");
        (reply.code().to_owned(), message)
    };
    let (code, message) = send(&[("mtls", plain(&pair))]);
    assert!(code == "credential.unusable" && message.contains("over https only"), "{code}: {message}");
    let (code, message) = send(&[("mtls", plain(&pair)), ("mtls", plain(&authority.client("two", |_| {})))]);
    assert!(code == "credential.placement_conflict" && message.contains("client certificate"), "{code}: {message}");
    assert_eq!(send(&[("mtls", pair.payload(&hosts(&[port])))]).0, "policy.binding_violated");
    let mut unbound = plain(&pair);
    unbound["binding"] = json!({"methods": ["GET"]});
    assert_eq!(send(&[("mtls", unbound)]).0, "credential.payload_invalid");
    let mut encrypted = plain(&pair);
    encrypted["private_key"] = json!(pair.private_key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"));
    let (code, message) = send(&[("mtls", encrypted)]);
    assert!(code == "credential.payload_invalid" && message.contains("encrypted"), "{code}: {message}");
    assert_eq!(server.counts.connections(), 0);

    // A check says so without a call.
    let https = request("GET", &format!("https://localhost:{port}"), "/");
    let stolen = ClientPair { private_key: authority.client("two", |_| {}).private_key, ..pair.clone() };
    for (pair, expected) in [(pair, None), (stolen, Some("credential.payload_invalid".to_owned()))] {
        let (request, sealed) = with_credentials(https.clone(), &[("mtls", pair.payload(&hosts(&[port])))]);
        assert_eq!(check(engine, &request, &sealed).1, expected);
    }
    close(engine);
}
