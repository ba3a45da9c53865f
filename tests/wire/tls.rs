//! TLS: which certificates and versions are accepted, and that nothing of a request leaves before the handshake is complete.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rcgen::CertificateParams;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection};
use serde_json::{Value, json};

use crate::support;
use crate::support::client::{Client, Over};
use crate::support::library::{Reply, open, send};
use crate::support::openssl::SecureServer;
use crate::support::server::{Authority, Peer, configuration, request};

const CANARY: &str = "canary-in-a-header";

fn responding(peer: &mut Peer<'_>) -> bool {
    while peer.read().is_some() && peer.respond("ok") {}
    true
}

/// A POST to this host at the port, with a canary that must not be seen too early.
fn post(client: &Client, host: &str) -> Reply {
    let base = client.server.url("https", host);
    client.call("POST", b"canary-in-the-body", |request| {
        request["base_url"] = json!(base);
        request["headers"] = json!([["x-canary", CANARY]]);
    })
}

fn refused(reply: &Reply, code: &str, name: &str) {
    assert_eq!((reply.code(), reply.sent()), (code, "no"), "{name}: {reply:?}");
    assert_eq!(reply.head["audit"]["bytes_out"], 0, "{name}");
    assert_eq!(reply.head["error"]["http_status"], Value::Null, "{name}");
}

type Change = fn(&mut CertificateParams);

#[test]
fn certificates_that_do_not_stand() {
    let cases: [(&str, &[&str], &str, Change, &str); 8] = [
        (
            "expired",
            &["localhost"],
            "localhost",
            |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1),
            "expired",
        ),
        (
            "not yet valid",
            &["localhost"],
            "localhost",
            |params| params.not_before = rcgen::date_time_ymd(2999, 1, 1),
            "not valid yet",
        ),
        ("another host", &["example.com"], "localhost", |_| {}, "another name"),
        ("a wildcard above", &["*.localhost"], "localhost", |_| {}, "another name"),
        (
            "no name but the common one",
            &[],
            "localhost",
            |params| {
                params.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
            },
            "another name",
        ),
        ("another address", &["127.0.0.2"], "127.0.0.1", |_| {}, "another name"),
        ("a name for an address", &["localhost"], "127.0.0.1", |_| {}, "another name"),
        (
            "for clients only",
            &["localhost"],
            "localhost",
            |params| {
                params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
            },
            "is not valid: it is not meant for servers",
        ),
    ];
    for (name, names, host, change, words) in cases {
        let authority = Authority::new();
        let tls = authority.server(names, &[], change);
        let client = Client::serving(authority, Some(tls), |_| {}, responding);
        let reply = post(&client, host);
        refused(&reply, "tls.certificate_invalid", name);
        assert_eq!(reply.head["error"]["retryable"], false, "{name}");
        let message = reply.head["error"]["message"].as_str().expect("a message");
        assert!(message.contains(words), "{name}: {message}");
        assert_eq!(client.counts().requests(), 0, "{name}");
    }
}

#[test]
fn issuers_that_are_not_trusted() {
    let other = Authority::new();
    let client = Client::serving(Authority::new(), Some(other.server(&["localhost"], &[], |_| {})), |_| {}, responding);
    refused(&post(&client, "localhost"), "tls.certificate_invalid", "unknown issuer");
    let client = Client::serving(Authority::new(), Some(self_signed()), |_| {}, responding);
    refused(&post(&client, "localhost"), "tls.certificate_invalid", "self-signed");
    assert_eq!(client.counts().requests(), 0);
}

fn self_signed() -> Arc<ServerConfig> {
    let signed = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    Arc::new(
        config.with_no_client_auth().with_single_cert(vec![signed.cert.der().clone()], key).expect("a certificate"),
    )
}

#[test]
fn names_addresses_and_versions_that_stand() {
    for (versions, version) in [(&[&TLS12][..], "1.2"), (&[&TLS13], "1.3"), (&[&TLS12, &TLS13], "1.3")] {
        for (names, host) in [("localhost", "localhost"), ("127.0.0.1", "127.0.0.1")] {
            let authority = Authority::new();
            let tls = authority.server_with(&[names], &[], versions, |_| {});
            let client = Client::serving(authority, Some(tls), |_| {}, responding);
            let reply = post(&client, host);
            assert_eq!(reply.http_status(), Some(200), "{version} {host}: {reply:?}");
            assert_eq!(reply.head["audit"]["tls_version"], version);
            assert_eq!(reply.head["audit"]["remote_address"], "127.0.0.1");
            assert_eq!(client.counts().last().header("x-canary"), Some(CANARY));
        }
    }
    let client = Client::with(Over::Plain, |_| {}, responding);
    assert_eq!(client.get().head["audit"]["tls_version"], Value::Null);
}

#[test]
fn older_versions_are_refused() {
    let authority = Authority::new();
    let (chain, key) = authority.files(&["localhost"]);
    for (version, works) in [("-tls1_2", true), ("-tls1_1", false), ("-tls1", false)] {
        let server = SecureServer::start(&[version.as_ref()], &chain, &key);
        let (_, engine, _) = open(&configuration(&authority, &["localhost"], &[server.port]));
        let reply = send(engine, &request("GET", &format!("https://localhost:{}", server.port), "/"), b"", "");
        if works {
            assert_eq!(
                (reply.http_status(), &reply.head["audit"]["tls_version"]),
                (Some(200), &json!("1.2")),
                "{reply:?}"
            );
        } else {
            refused(&reply, "tls.handshake_failed", version);
        }
    }
}

/// A server that reads one connection step by step. It reports how many bytes of application data it received before its
/// handshake was complete, and all application data.
fn early(tls: Arc<ServerConfig>) -> (u16, Receiver<(usize, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (report, reports) = channel();
    thread::spawn(move || {
        let (mut tcp, _) = listener.accept().expect("a connection");
        let mut session = ServerConnection::new(tls).expect("a session");
        let (mut early, mut late) = (0, Vec::new());
        loop {
            while session.wants_write() {
                let _ = session.write_tls(&mut tcp);
            }
            match session.read_tls(&mut tcp) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let Ok(state) = session.process_new_packets() else { break };
            if session.is_handshaking() {
                early += state.plaintext_bytes_to_read();
            }
            let mut bytes = vec![0; state.plaintext_bytes_to_read()];
            session.reader().read_exact(&mut bytes).expect("what is there");
            late.extend(bytes);
            if late.ends_with(b"canary-in-the-body") {
                let _ = session.writer().write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
            }
        }
        let _ = report.send((early, late));
    });
    (port, reports)
}

#[test]
fn no_byte_of_a_request_precedes_the_handshake() {
    for (versions, trusted) in [(&TLS12, true), (&TLS13, true), (&TLS12, false), (&TLS13, false)] {
        let (authority, other) = (Authority::new(), Authority::new());
        let signer = if trusted { &authority } else { &other };
        let (port, reports) = early(signer.server_with(&["localhost"], &[], &[versions], |_| {}));
        let (_, engine, _) = open(&configuration(&authority, &["localhost"], &[port]));
        let mut request = request("POST", &format!("https://localhost:{port}"), "/");
        request["headers"] = json!([["x-canary", CANARY]]);
        let reply = send(engine, &request, b"canary-in-the-body", "");
        assert_eq!(reply.http_status(), trusted.then_some(204), "{reply:?}");
        if !trusted {
            refused(&reply, "tls.certificate_invalid", "untrusted");
            let (early, late) = reports.recv_timeout(Duration::from_secs(5)).expect("the connection is closed at once");
            assert_eq!((early, late.len()), (0, 0), "nothing at all reaches a server that is not trusted");
        }
    }
}

#[test]
fn a_server_without_the_only_version_allowed() {
    let only =
        |version: &'static str| move |configuration: &mut Value| configuration["http_versions"] = json!([version]);
    let client = Client::with(Over::Http1, only("2"), responding);
    refused(&post(&client, "localhost"), "tls.handshake_failed", "no HTTP/2");
    assert_eq!(client.counts().requests(), 0);
    let client = Client::with(Over::Http2, only("1.1"), responding);
    refused(&post(&client, "localhost"), "tls.handshake_failed", "no HTTP/1.1");

    // HTTP/2 without TLS, by prior knowledge.
    let client = Client::with(
        Over::Plain,
        only("2"),
        support::h2::over(|connection| {
            while let Some(stream) = connection.request() {
                connection.respond(stream, "ok");
            }
            true
        }),
    );
    let reply = client.get();
    assert_eq!((reply.body.as_slice(), &reply.head["audit"]["http_version"]), (&b"ok"[..], &json!("2")), "{reply:?}");
}

#[test]
fn a_server_that_wants_a_clients_certificate() {
    // In TLS 1.3 the client may send its request before the server's alert arrives, and the server's handshake is not over then.
    for versions in [&TLS12, &TLS13] {
        let authority = Authority::new();
        let tls = authority.judging(&authority, versions, &[]);
        let client = Client::serving(authority, Some(tls), |_| {}, responding);
        let reply = post(&client, "localhost");
        assert_eq!((reply.code(), reply.sent()), ("tls.handshake_failed", "no"), "{reply:?}");
        assert_eq!((client.counts().requests(), client.counts().connections()), (0, 1));
    }
}

/// The first message of a client, and the result of its call, to which the server only closes the connection.
fn first_words(configure: impl Fn(&mut Value)) -> (Vec<u8>, Reply) {
    let (said, words) = channel();
    let client = Client::with(
        Over::Plain,
        |configuration| configure(configuration),
        move |peer| {
            let record = peer.take(5).and_then(|head| {
                let body = peer.take(usize::from(u16::from_be_bytes([head[3], head[4]])))?;
                Some([head, body].concat())
            });
            record.is_some_and(|record| said.send(record).is_ok())
        },
    );
    let reply = post(&client, "localhost");
    (words.recv_timeout(Duration::from_secs(10)).expect("a ClientHello"), reply)
}

/// The groups that a ClientHello offers (RFC 8446 section 4.2.7).
fn groups(hello: &[u8]) -> Vec<u16> {
    let number = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
    // Record header, message header, version and random come first, then session id, cipher suites and compression methods.
    let mut at = 5 + 4 + 2 + 32;
    at += 1 + usize::from(hello[at]);
    at += 2 + number(at);
    at += 1 + usize::from(hello[at]);
    let end = at + 2 + number(at);
    at += 2;
    while at < end {
        let (kind, length) = (number(at), number(at + 2));
        if kind == 10 {
            return (at + 6..at + 4 + length).step_by(2).map(|at| number(at) as u16).collect();
        }
        at += 4 + length;
    }
    Vec::new()
}

#[test]
fn post_quantum_key_exchange_can_be_left_out() {
    const X25519MLKEM768: u16 = 0x11ec;
    const CLASSIC: [u16; 3] = [29, 23, 24];
    let named = |reply: &Reply| {
        assert_eq!((reply.code(), reply.sent()), ("tls.handshake_failed", "no"), "{reply:?}");
        reply.head["error"]["message"].as_str().unwrap_or_default().contains("tls.post_quantum")
    };
    for explicit in [false, true] {
        let (hello, reply) = first_words(|configuration| {
            if explicit {
                configuration["tls"]["post_quantum"] = json!(true);
            }
        });
        assert!(groups(&hello).contains(&X25519MLKEM768) && hello.len() > 1200, "{} bytes", hello.len());
        assert!(named(&reply), "the remedy is named");
    }
    let (hello, reply) = first_words(|configuration| configuration["tls"]["post_quantum"] = json!(false));
    let mut offered = groups(&hello);
    offered.sort_unstable();
    assert_eq!(offered, [23, 24, 29]);
    assert!(CLASSIC.iter().all(|group| offered.contains(group)) && hello.len() < 512, "{} bytes", hello.len());
    assert!(!named(&reply), "what is done already is no remedy");
}

#[test]
fn a_server_responds_whether_post_quantum_key_exchange_is_offered_or_not() {
    for post_quantum in [true, false] {
        let client = Client::with(
            Over::Http1,
            |configuration| configuration["tls"]["post_quantum"] = json!(post_quantum),
            responding,
        );
        assert_eq!(client.post(b"x").http_status(), Some(200));
    }
    for wrong in [json!(null), json!("no"), json!(0)] {
        let (status, _, head) = open(&json!({"version": 1, "tls": {"post_quantum": wrong}}));
        assert_eq!((status, &head["error"]["code"]), (1, &json!("configuration.invalid")), "{wrong}");
    }
}
