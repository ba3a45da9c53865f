//! Hosts that are addresses, in every spelling that a parser may read as one, are refused before a connection is made.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::library::{Reply, open, send};
use crate::support::server::{Authority, Server, request};

/// Servers at one port of `0.0.0.0` and of `::1`, which count every connection to this machine.
fn everywhere(authority: &Authority) -> (u16, [Server; 2]) {
    let tls = authority.server(&["localhost"], &[], |_| {});
    // A port that is free for IPv6 may be in use for IPv4.
    let mut both = (0..64).map(|_| {
        let v6 = TcpListener::bind("[::1]:0").expect("a port");
        let port = v6.local_addr().expect("an address").port();
        TcpListener::bind(("0.0.0.0", port)).map(|v4| (port, v4, v6))
    });
    let (port, v4, v6) = both.find_map(Result::ok).expect("a port of both");
    let start = |listener| {
        Server::listen(listener, Some(tls.clone()), |peer| {
            while peer.read().is_some() && peer.respond("here") {}
            true
        })
    };
    (port, [start(v4), start(v6)])
}

fn call(authority: &Authority, url: &str) -> Reply {
    let tls = json!({"roots": "file", "ca_file": authority.file()});
    let (_, engine, _) = open(&json!({"version": 1, "tls": tls, "defaults": {"connect_timeout_ms": 2000}}));
    send(engine, &request("GET", url, "/v1"), b"", "")
}

fn assert_refused(host: &str, reply: &Reply) {
    let refusal = reply.code();
    assert!(["invalid_request.malformed", "policy.address_not_allowed"].contains(&refusal), "{host}: {reply:?}");
    assert_eq!((reply.status, reply.sent(), reply.body.len()), (1, "no", 0), "{host}: {reply:?}");
    assert_eq!(reply.head["audit"]["remote_address"], Value::Null, "{host}");
}

#[test]
fn every_spelling_is_refused_before_anything_is_opened() {
    let authority = Authority::new();
    let (port, servers) = everywhere(&authority);
    let vectors: Value = serde_json::from_str(include_str!("../vectors/addresses.json")).expect("JSON");
    let hosts = vectors["hosts"].as_array().expect("hosts").iter().map(|host| host["host"].as_str().expect("a text"));
    let more = [
        "127.0.0.2",
        "127.255.255.254",
        "0.0.0.0",
        "0x7f.1",
        "0x7F000001",
        "017700000001",
        "0177.1",
        "127.0.0.01",
        "00000127.0.0.1",
        "127.0.0.1..",
        "4294967295",
        "4294967296",
        "[::]",
        "[::7f00:1]",
        "[::127.0.0.1]",
        "[0000:0000:0000:0000:0000:0000:0000:0001]",
        "[::FFFF:127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[::ffff:a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[64:ff9b:1::7f00:1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[::1%lo]",
        "[127.0.0.1]",
        "[[::1]]",
        "::1",
        "[::1",
        "[v1.127]",
        "169.254.169.254",
        "168.63.129.16",
        "127.0.0.1@127.0.0.1",
        "127.0.0.1#.example.com",
        "127.0.0.1?.example.com",
        "127.0.0.1\\.example.com",
        "127.0.0.1\t",
        " 127.0.0.1",
        "127.0.0.\u{ff11}",
        "\u{2488}",
        "localhost\u{3002}",
        "ip6-localhost",
    ];
    let mut count = 0;
    for host in hosts.chain(more) {
        assert_refused(host, &call(&authority, &format!("https://{host}:{port}")));
        count += 1;
    }
    assert_eq!(count, 26 + more.len());
    for server in &servers {
        assert_eq!(server.counts.connections(), 0);
    }
}

#[test]
fn a_policy_that_names_an_address_does_not_open_it() {
    let authority = Authority::new();
    let (port, servers) = everywhere(&authority);
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let tls = json!({"roots": "file", "ca_file": authority.file()});
        let (_, engine, _) = open(&json!({"version": 1, "tls": tls}));
        let mut request = request("GET", &format!("https://{host}:{port}"), "/");
        request["policy"]["allowed_hosts"] = json!([format!("{host}:{port}")]);
        let reply = send(engine, &request, b"", "");
        assert_eq!(reply.code(), "policy.address_not_allowed", "{host}");
    }
    assert_eq!(servers.iter().map(|server| server.counts.connections()).sum::<usize>(), 0);
}

#[test]
fn an_internal_host_opens_its_own_spelling_and_port_alone() {
    let authority = Authority::new();
    let (port, servers) = everywhere(&authority);
    let (_, engine, _) = open(&json!({
        "version": 1, "tls": {"roots": "file", "ca_file": authority.file()},
        "internal_hosts": [{"host": "127.0.0.1", "networks": ["127.0.0.0/8"], "ports": [port]}],
    }));
    let code = |host: &str, port: u16| {
        send(engine, &request("GET", &format!("https://{host}:{port}"), "/"), b"", "").code().to_owned()
    };
    for host in ["127.0.0.2", "[::ffff:127.0.0.1]", "[::1]", "localhost"] {
        assert_eq!(code(host, port), "policy.address_not_allowed", "{host}");
    }
    assert_eq!(code("127.0.0.1", port ^ 1), "policy.port_not_allowed");
    assert_eq!(servers.iter().map(|server| server.counts.connections()).sum::<usize>(), 0);
    // Here the connection is made, and fails only because the certificate is for another name.
    assert_eq!(code("127.0.0.1", port), "tls.certificate_invalid");
    assert_eq!(servers[0].counts.connections(), 1);
}
