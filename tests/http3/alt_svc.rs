//! An API that says itself where it has HTTP/3, and what it cannot have done by that.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicUsize, Ordering};

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use super::Both;
use crate::support;
use crate::support::library::{Reply, close, open, send};
use crate::support::server::{Authority, Server, configuration, request};
use crate::support::tinyproxy::Tinyproxy;

/// A server of HTTP/1.1 that says this in `alt-svc`.
fn saying(authority: &Authority, is_secure: bool, field: &str) -> Server {
    responding(authority, is_secure, vec![(200, field.to_owned())])
}

/// The same with a status and a field for each of its responses; the last ones stay.
fn responding(authority: &Authority, is_secure: bool, script: Vec<(u16, String)>) -> Server {
    let tls = is_secure.then(|| authority.server(&["localhost"], &[b"http/1.1"], |_| {}));
    let next = AtomicUsize::new(0);
    Server::start(tls, move |peer| {
        while peer.read().is_some() {
            let (status, field) = &script[next.fetch_add(1, Ordering::SeqCst).min(script.len() - 1)];
            if !peer.write(format!("HTTP/1.1 {status} x\r\nalt-svc: {field}\r\ncontent-length: 0\r\n\r\n")) {
                break;
            }
        }
        true
    })
}

fn engine(authority: &Authority, ports: &[u16], change: impl FnOnce(&mut Value)) -> u64 {
    let mut document = configuration(authority, &["localhost"], ports);
    document["http_versions"] = json!(["3", "2", "1.1"]);
    change(&mut document);
    let (status, engine, head) = open(&document);
    assert_eq!(status, 0, "{head}");
    engine
}

/// A request to an API whose word counts, at these ports.
fn trusting(base: &str, ports: &[u16]) -> Value {
    let mut request = request("POST", base, "/");
    request["policy"]["http3"] = json!("alt-svc");
    request["policy"]["allowed_hosts"] =
        json!(ports.iter().map(|port| format!("localhost:{port}")).collect::<Vec<_>>());
    request
}

fn version(reply: &Reply) -> &str {
    assert_eq!(reply.http_status(), Some(200), "{reply:?}");
    reply.head["audit"]["http_version"].as_str().expect("a version")
}

#[test]
fn an_api_is_called_where_it_says_that_it_has_http_3() {
    let authority = Authority::new();
    let there = Both::start(&authority);
    there.let_tcp_go_on();
    let port = there.tcp.address.port();
    let api = saying(&authority, true, &format!("h2=\":1\", h3=\":{port}\"; ma=3600"));
    let (own, base) = (api.address.port(), api.url("https", "localhost"));
    let engine = engine(&authority, &[own, port], |_| {});
    for (expected, reused) in [("1.1", false), ("3", false), ("3", true)] {
        let reply = send(engine, &trusting(&base, &[own, port]), b"x", "");
        assert_eq!((version(&reply), &reply.head["audit"]["connection_reused"]), (expected, &json!(reused)));
        assert_eq!(reply.head["audit"]["port"], own, "the origin is the same");
        let used = json!([["alt-used", format!("localhost:{port}")]]);
        assert_eq!(reply.head["headers"] == used, expected == "3", "{reply:?}");
    }
    // The memory is the engine's, and each policy has its own ports and its own word.
    let mut registered = trusting(&base, &[own, port]);
    registered["policy"]["http3"] = json!("registered");
    let mut silent = trusting(&base, &[own, port]);
    silent["policy"].as_object_mut().expect("a policy").remove("http3");
    for request in [&trusting(&base, &[own]), &registered, &silent] {
        assert_eq!(version(&send(engine, request, b"x", "")), "1.1");
    }
    let mut narrowed = trusting(&base, &[own, port]);
    narrowed["policy"]["http_versions"] = json!(["3", "1.1"]);
    assert_eq!(version(&send(engine, &narrowed, b"x", "")), "3");
    assert_eq!((there.requests(), there.tcp.counts.connections()), (4, 0));
    close(engine);
}

#[test]
fn a_place_that_does_not_respond_is_left_alone() {
    let authority = Authority::new();
    let (udp, port) = silent();
    let api = saying(&authority, true, &format!("h3=\":{port}\""));
    let (own, base) = (api.address.port(), api.url("https", "localhost"));
    let engine = engine(&authority, &[own, port], |_| {});
    for has_datagrams in [false, true, false] {
        assert_eq!(version(&send(engine, &trusting(&base, &[own, port]), b"x", "")), "1.1");
        assert_eq!(datagrams(&udp) > 0, has_datagrams);
    }
    assert_eq!(api.counts.requests(), 3);
    close(engine);
}

fn datagrams(udp: &UdpSocket) -> usize {
    std::iter::from_fn(|| udp.recv(&mut [0; 2048]).ok()).count()
}

/// A response that has nothing of it, which comes by a policy that does not name the port.
#[test]
fn what_was_said_is_taken_back() {
    let authority = Authority::new();
    for (status, taken_back, is_forgotten) in
        [(200, "clear", true), (200, "h2=\":1\"", true), (421, "", true), (200, "no form", false), (404, "", false)]
    {
        let (udp, port) = silent();
        let api = responding(&authority, true, vec![(200, format!("h3=\":{port}\"")), (status, taken_back.to_owned())]);
        let (own, base) = (api.address.port(), api.url("https", "localhost"));
        let engine = engine(&authority, &[own, port], |_| {});
        for (ports, expected) in [(&[own, port][..], 200), (&[own], status), (&[own, port], status)] {
            let reply = send(engine, &trusting(&base, ports), b"x", "");
            assert_eq!(reply.http_status(), Some(u64::from(expected)), "{reply:?}");
        }
        assert_eq!(datagrams(&udp) == 0, is_forgotten, "{status} {taken_back}");
        close(engine);
    }
}

/// A socket that never responds, and its port.
fn silent() -> (UdpSocket, u16) {
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    udp.set_nonblocking(true).expect("a socket");
    let port = udp.local_addr().expect("an address").port();
    (udp, port)
}

/// What is other than in order, in a request and the configuration. The URL is that of a proxy.
type Change = fn(&mut Value, &mut Value, &str);

#[test]
fn nothing_else_is_called_by_an_apis_word() {
    const KEY: [u8; 32] = [5; 32];
    let authority = Authority::new();
    let proxy = Tinyproxy::start(&authority, "", None);
    let (udp, port) = silent();
    let none: Change = |_, _, _| {};
    let cases: [(&str, bool, String, Change); 15] = [
        ("said in order", true, format!("h3=\":{port}\""), none),
        ("another host", true, format!("h3=\"other.example:{port}\""), none),
        ("the address of the same host", true, format!("h3=\"127.0.0.1:{port}\""), none),
        ("over http", false, format!("h3=\":{port}\""), none),
        ("another protocol", true, format!("h3-29=\":{port}\", hq=\":{port}\""), none),
        ("no longer", true, format!("h3=\":{port}\"; ma=0"), none),
        ("as old as its time", true, format!("h3=\":{port}\"; ma=60\r\nage: 60"), none),
        ("cleared with it", true, format!("h3=\":{port}\", clear"), none),
        ("no form", true, format!("h3=:{port}"), none),
        ("a long field", true, format!("h3=\":{port}\"; x=\"{}\"", "x".repeat(5000)), none),
        ("hundreds of places", true, format!("{}h3=\":{port}\"", "h3=\":1\",".repeat(400)), none),
        ("a port that the policy does not name", true, format!("h3=\":{port}\""), |request, _, _| {
            request["policy"]["allowed_hosts"].as_array_mut().expect("hosts").truncate(1);
        }),
        ("a port that the configuration does not name", true, format!("h3=\":{port}\""), |_, configuration, _| {
            configuration["internal_hosts"][0]["ports"].as_array_mut().expect("ports").truncate(1);
        }),
        ("a port to which the credential is not bound", true, format!("h3=\":{port}\""), |request, _, _| {
            request["credentials"] = json!([{"identifier": "id", "type": "bearer"}]);
        }),
        ("a proxy", true, format!("h3=\":{port}\""), |_, configuration, url| {
            configuration["proxy"] = json!({"url": url});
        }),
    ];
    for (name, is_secure, field, change) in cases {
        let api = saying(&authority, is_secure, &field);
        let own = api.address.port();
        let mut request = trusting(&api.url(if is_secure { "https" } else { "http" }, "localhost"), &[own, port]);
        request["policy"]["allow_http"] = json!(true);
        let engine = engine(&authority, &[own, port], |document| {
            document["master_keys"] = json!([{"provider": "raw", "key_base64": support::encode(&KEY)}]);
            change(&mut request, document, &proxy.url(""));
        });
        let payload = json!({"token": "t", "binding": {"hosts": [format!("localhost:{own}")]}});
        let sealed = match request.get("credentials") {
            Some(_) => support::seal(payload.to_string().as_bytes(), "id", &KEY, Algorithm::Aes256Gcm),
            None => String::new(),
        };
        for _ in 0..2 {
            assert_eq!(version(&send(engine, &request, b"x", &sealed)), "1.1", "{name}");
        }
        assert_eq!(datagrams(&udp) > 0, name == "said in order", "{name}");
        close(engine);
    }
}
