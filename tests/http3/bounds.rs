//! What holds over TCP holds over QUIC, and where HTTP/3 is never tried.

use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;

use rcgen::SerialNumber;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::version::TLS13;
use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use super::Both;
use super::servers::{CONTROL, Client, SETTINGS, frame, number};
use crate::support;
use crate::support::library::{Reply, close, explain, open, send};
use crate::support::server::{Authority, Server, configuration, request};
use crate::support::tinyproxy::Tinyproxy;

/// An engine that has HTTP/3 and may reach these ports.
fn engine(authority: &Authority, ports: &[u16], change: impl FnOnce(&mut Value)) -> u64 {
    let mut document = configuration(authority, &["localhost"], ports);
    document["http_versions"] = json!(["3", "2", "1.1"]);
    change(&mut document);
    let (status, engine, head) = open(&document);
    assert_eq!((status, &head["warnings"]), (0, &json!([])), "{head}");
    engine
}

/// A request to an API that is registered.
fn registered(base: &str) -> Value {
    let mut request = request("POST", base, "/");
    request["policy"]["http3"] = json!("registered");
    request
}

fn call(engine: u64, server: &Both) -> Reply {
    send(engine, &registered(&server.tcp.url("https", "localhost")), b"x", "")
}

fn version(reply: &Reply) -> &str {
    assert_eq!(reply.http_status(), Some(200), "{reply:?}");
    reply.head["audit"]["http_version"].as_str().expect("a version")
}

/// A server of HTTP/1.1, and a socket of UDP at its port.
fn with_udp(
    authority: &Authority,
    respond: impl Fn(&mut support::server::Peer<'_>) -> bool + Send + Sync + 'static,
) -> (Server, UdpSocket) {
    let (listener, udp) = loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        if let Ok(udp) = UdpSocket::bind(listener.local_addr().expect("an address")) {
            break (listener, udp);
        }
    };
    udp.set_nonblocking(true).expect("a socket");
    let tls = authority.server(&["localhost"], &[b"http/1.1"], |_| {});
    (Server::listen(listener, Some(tls), respond), udp)
}

fn datagrams(udp: &UdpSocket) -> usize {
    std::iter::from_fn(|| udp.recv(&mut [0; 2048]).ok()).count()
}

#[test]
fn where_a_proxy_serves_the_host_no_datagram_is_sent() {
    let authority = Authority::new();
    let (server, udp) = with_udp(&authority, |peer| {
        while peer.read().is_some() && peer.respond("over TCP") {}
        true
    });
    let proxy = Tinyproxy::start(&authority, "", None);
    let ports = [server.address.port()];
    let base = server.url("https", "localhost");
    for (no_proxy, resolve) in [(json!([]), "local"), (json!([]), "proxy"), (json!(["localhost"]), "local")] {
        let is_past_it = no_proxy != json!([]);
        let engine = engine(&authority, &ports, |document| {
            document["proxy"] = json!({"url": proxy.url(""), "no_proxy": no_proxy, "resolve": resolve});
        });
        assert_eq!(version(&send(engine, &registered(&base), b"x", "")), "1.1");
        assert_eq!(datagrams(&udp) > 0, is_past_it);
        let (_, decision) = explain(engine, &registered(&base), 1);
        let expected = if is_past_it { json!(["3", "2", "1.1"]) } else { json!(["2", "1.1"]) };
        assert_eq!(decision["http_versions"], expected, "{decision}");
        close(engine);
    }
}

#[test]
fn an_address_that_is_not_allowed_gets_no_datagram() {
    let authority = Authority::new();
    let (server, udp) = with_udp(&authority, |_| false);
    let engine = engine(&authority, &[server.address.port()], |document| {
        document["internal_hosts"][0]["networks"] = json!(["10.0.0.0/8"]);
    });
    let reply = send(engine, &registered(&server.url("https", "localhost")), b"x", "");
    assert_eq!((reply.code(), reply.sent()), ("policy.address_not_allowed", "no"), "{reply:?}");
    assert_eq!((datagrams(&udp), server.counts.connections()), (0, 0));
    close(engine);
}

#[test]
fn a_redirect_is_followed_over_tcp() {
    let authority = Authority::new();
    let server = Both::start(&authority);
    server.let_tcp_go_on();
    let location = server.tcp.url("https", "localhost");
    let (first, udp) = with_udp(&authority, move |peer| {
        let head = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}/\r\ncontent-length: 0\r\n\r\n");
        peer.read().is_some() && peer.write(head)
    });
    let ports = [first.address.port(), server.tcp.address.port()];
    let engine = engine(&authority, &ports, |_| {});
    let mut request = registered(&first.url("https", "localhost"));
    request["policy"]["max_redirects"] = json!(1);
    request["policy"]["allowed_hosts"] = json!(ports.map(|port| format!("localhost:{port}")));
    assert_eq!(version(&send(engine, &request, b"x", "")), "1.1");
    assert_eq!((datagrams(&udp) > 0, server.requests(), server.tcp.counts.requests()), (true, 1, 1));
    close(engine);
}

#[test]
fn what_a_list_has_revoked_is_refused() {
    let authority = Authority::new();
    let with_serial = |serial: u64, alpn: &[u8]| {
        authority.server(&["localhost"], &[alpn], |params| params.serial_number = Some(SerialNumber::from(serial)))
    };
    let list = authority.revoking(&[7]);
    for (serial, is_revoked) in [(7, true), (8, false)] {
        let server = Both::with(with_serial(serial, b"http/1.1"), with_serial(serial, b"h3"));
        if is_revoked {
            server.let_tcp_go_on();
        }
        let ports = [server.tcp.address.port()];
        let engine = engine(&authority, &ports, |document| document["tls"]["crl_file"] = json!(list));
        let reply = call(engine, &server);
        match is_revoked {
            true => assert_eq!((reply.code(), reply.sent()), ("tls.certificate_invalid", "no"), "{reply:?}"),
            false => assert_eq!(version(&reply), "3"),
        }
        assert_eq!((server.requests(), server.tcp.counts.requests()), (1, 0));
        close(engine);
    }
}

#[test]
fn a_server_that_nobody_vouches_for_gets_no_request() {
    let (authority, other) = (Authority::new(), Authority::new());
    let tls = |alpn: &[u8], of: &Authority, name: &str| of.server(&[name], &[alpn], |_| {});
    for in_quic in [tls(b"h3", &other, "localhost"), tls(b"h3", &authority, "other.example")] {
        let server = Both::with(tls(b"http/1.1", &authority, "localhost"), in_quic);
        server.let_tcp_go_on();
        let engine = engine(&authority, &[server.tcp.address.port()], |_| {});
        assert_eq!(version(&call(engine, &server)), "1.1", "its certificate for TCP is right");
        assert_eq!(server.requests(), 1);
        close(engine);
    }
}

#[test]
fn a_small_client_hello_offers_no_exchange_against_quantum_computers() {
    let authority = Authority::new();
    let hybrid = |alpn: &[u8]| {
        let mut tls = (*authority.server(&["localhost"], &[alpn], |_| {})).clone();
        let provider =
            rustls::crypto::CryptoProvider { kx_groups: vec![kx_group::X25519MLKEM768], ..default_provider() };
        let resolver = Arc::clone(&tls.cert_resolver);
        tls = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        tls.alpn_protocols = vec![alpn.to_vec()];
        Arc::new(tls)
    };
    for (post_quantum, expected) in [(true, "3"), (false, "1.1")] {
        let server = Both::with(authority.server(&["localhost"], &[b"http/1.1"], |_| {}), hybrid(b"h3"));
        if !post_quantum {
            server.let_tcp_go_on();
        }
        let ports = [server.tcp.address.port()];
        let engine = engine(&authority, &ports, |document| document["tls"]["post_quantum"] = json!(post_quantum));
        assert_eq!(version(&call(engine, &server)), expected);
        close(engine);
    }
}

#[test]
fn a_client_certificate_is_shown_on_connections_of_its_own() {
    const KEY: [u8; 32] = [5; 32];
    let authority = Authority::new();
    let over_tcp = authority.server(&["localhost"], &[b"http/1.1"], |_| {});
    let server = Both::with(over_tcp, authority.judging(&authority, &TLS13, &[b"h3"]));
    let port = server.tcp.address.port();
    let engine = engine(&authority, &[port], |document| {
        document["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
    });
    let payload = authority.client("one", |_| {}).payload(&[format!("localhost:{port}")]);
    let sealed = support::seal(payload.to_string().as_bytes(), "id", &KEY, Algorithm::Aes256Gcm);
    let plain = registered(&server.tcp.url("https", "localhost"));
    let mut certified = plain.clone();
    certified["credentials"] = json!([{"identifier": "id", "type": "mtls"}]);
    for reused in [false, true] {
        let reply = send(engine, &certified, b"x", &sealed);
        assert_eq!(version(&reply), "3");
        assert_eq!(reply.head["audit"]["connection_reused"], reused, "{reply:?}");
    }
    // Whoever has none never meets that connection. Its server refuses it, before or after the handshake is complete on this side.
    let reply = send(engine, &plain, b"x", "");
    match reply.http_status() {
        Some(_) => assert_eq!(version(&reply), "1.1"),
        None => assert_eq!(reply.sent(), "no", "{reply:?}"),
    }
    assert_eq!(server.requests(), 2);
    close(engine);
}

/// RFC 9114 section 7.2.4.2: what the server's settings forbid is not sent.
#[test]
fn a_head_that_the_servers_settings_forbid_is_not_sent() {
    const MAX_FIELD_SECTION_SIZE: u64 = 6;
    let settings = frame(SETTINGS, &[number(MAX_FIELD_SECTION_SIZE), number(1000)].concat());
    let client = Client::with(
        |_, _| {},
        &[number(CONTROL), settings].concat(),
        |exchange| {
            Box::pin(async move {
                exchange.read().await;
                exchange.respond(b"ok").await;
            })
        },
    );
    let with = |bytes: usize| {
        client.call("POST", b"x", |request| {
            request["headers"] = json!([["x-note", "n".repeat(bytes)]]);
            request["policy"]["max_attempts"] = json!(3);
        })
    };
    assert_eq!(version(&with(1)), "3", "which waits for the settings");
    let reply = with(1000);
    assert_eq!((reply.code(), reply.sent()), ("policy.request_too_large", "no"), "{reply:?}");
    let message = reply.head["error"]["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("larger than the 1000 bytes") && message.contains("SETTINGS_MAX_FIELD_SECTION_SIZE"),
        "{message}"
    );
    assert_eq!(
        (&reply.head["audit"]["attempts"], &reply.head["audit"]["bytes_out"]),
        (&json!(1), &json!(0)),
        "{reply:?}"
    );
    assert_eq!(version(&with(1)), "3");
    assert_eq!(client.counts(), (2, 1, 0), "the connection serves others");
}
