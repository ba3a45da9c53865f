//! No URL that is accepted connects to a host outside its policy. Requests are generated, and a proxy records the tunnels that
//! they ask for.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestRunner};
use serde_json::json;

use crate::support::library::{Reply, open, send};
use crate::support::server::{Authority, Server, configuration, request};

/// A proxy that refuses every request, and reports its request line.
fn recorder() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (tell, told) = channel();
    thread::spawn(move || {
        for tcp in listener.incoming().flatten() {
            let mut reader = BufReader::new(tcp);
            let mut line = String::new();
            let _ = reader.read_line(&mut line);
            let _ = tell.send(line);
            let mut rest = String::new();
            while reader.read_line(&mut rest).is_ok_and(|bytes| bytes > 2) {}
            let _ = reader.get_mut().write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (port, told)
}

/// Hosts as an attacker may write them, and as a policy has them.
fn hosts() -> impl Strategy<Value = String> {
    let names = select(vec![
        "a.example",
        "b.example",
        "A.EXAMPLE",
        "a.example.",
        "x.a.example",
        "xa.example",
        "a.example.evil.example",
        "evil.example",
        "a.example%2eevil.example",
        "a%00.example",
        "a.example\u{3002}evil.example",
        "\u{ff41}.example",
        "xn--a-example",
        "b\u{fc}cher.example",
        "8.8.8.8",
        "8.8.8.8.",
        "0x08.8.8.8",
        "134744072",
        "010.8.8.8",
        "127.0.0.1",
        "[::1]",
        "[2001:4860:4860::8888]",
        "[::ffff:8.8.8.8]",
        "169.254.169.254",
        "a.example@evil.example",
        "evil.example#a.example",
        "evil.example?a.example",
        "evil.example\\a.example",
        "",
    ]);
    let right = select(vec!["a.example", "x.a.example", "b.example", "8.8.8.8", "b\u{fc}cher.example"]);
    prop_oneof![8 => right.prop_map(str::to_owned), 8 => names.prop_map(str::to_owned), 1 => "[a-b.%@:\\\\/#?0-9]{0,12}"]
}

fn ports() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        "",
        "",
        "",
        ":443",
        ":8443",
        ":8443",
        ":0443",
        ":80",
        ":8443",
        ":",
        ":+443",
        ":65536",
        ":443@evil.example",
    ])
}

fn allowed() -> impl Strategy<Value = Vec<&'static str>> {
    let entries = vec![
        "a.example",
        "b.example:8443",
        "*.a.example",
        "*.example:8443",
        "8.8.8.8",
        "[2001:4860:4860::8888]",
        "xn--bcher-kva.example",
    ];
    prop::collection::vec(select(entries), 0..5)
}

/// Whether one of the entries allows the target, by a simple reading that does not use the code of the library.
fn within(entries: &[&str], target: &str) -> bool {
    entries.iter().any(|entry| {
        let bare = !entry.ends_with(":8443");
        let entry = if bare { format!("{entry}:443") } else { (*entry).to_owned() };
        match entry.strip_prefix('*') {
            Some(suffix) => target.strip_suffix(suffix).is_some_and(|label| !label.is_empty()),
            None => target == entry,
        }
    })
}

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(0x5ec0),
        failure_persistence: None,
        ..ProptestConfig::default()
    })
}

/// What the proxy was asked for by the call that has just ended.
fn asked(told: &Receiver<String>) -> Vec<String> {
    told.try_iter().collect()
}

/// Every recorded line asks for a tunnel that the policy allows.
fn check(lines: &[String], entries: &[&str], reply: &Reply) -> Result<(), TestCaseError> {
    for line in lines {
        let target = line.strip_prefix("CONNECT ").and_then(|rest| rest.strip_suffix(" HTTP/1.1\r\n"));
        let target = target.ok_or_else(|| TestCaseError::fail(line.clone()))?;
        prop_assert!(within(entries, target), "{} is not in {:?}", target, entries);
    }
    let class = reply.head["error"]["class"].as_str().unwrap_or_default().to_owned();
    let refused = ["policy", "invalid_request"].contains(&class.as_str());
    prop_assert!(!refused || lines.is_empty(), "a refused call asks for nothing: {:?} {:?}", lines, reply);
    Ok(())
}

#[test]
fn no_accepted_url_connects_outside_its_policy() {
    let (port, told) = recorder();
    let (_, engine, _) =
        open(&json!({"version": 1, "proxy": {"url": format!("http://127.0.0.1:{port}"), "resolve": "proxy"}}));
    let connected = Cell::new(0);
    let schemes = select(vec![
        "https://", "https://", "https://", "https://", "https://", "HTTPS://", "https:/", "http://", "//",
    ]);
    let tails =
        select(vec!["", "", "/", "/v1", "/v1", "/../x", "?q=1", "/v1?u=https://evil.example/", "/@evil.example/"]);
    let strategy = (schemes, hosts(), ports(), tails, allowed(), any::<bool>());
    let ran = runner(3000).run(&strategy, |(scheme, host, port, tail, entries, whole)| {
        let url = format!("{scheme}{host}{port}{tail}");
        let mut request = request("GET", &url, "/v1");
        if whole {
            request["url"] = json!(url);
            let fields = request.as_object_mut().expect("an object");
            fields.retain(|name, _| !["base_url", "path"].contains(&name.as_str()));
        }
        request["policy"]["allowed_hosts"] = json!(entries);
        let reply = send(engine, &request, b"", "");
        let lines = asked(&told);
        connected.set(connected.get() + lines.len());
        check(&lines, &entries, &reply)
    });
    ran.expect("a property");
    assert!(connected.get() > 100, "only {} calls passed the policy", connected.get());
}

#[test]
fn no_redirect_connects_outside_its_policy() {
    let (port, told) = recorder();
    let authority = Authority::new();
    let server = Server::start(None, |peer| {
        let Some(received) = peer.read() else { return false };
        let location = received.header("x-location").expect("where to").to_owned();
        peer.write(format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"))
    });
    let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
    configuration["proxy"] =
        json!({"url": format!("http://127.0.0.1:{port}"), "no_proxy": ["localhost"], "resolve": "proxy"});
    let (_, engine, _) = open(&configuration);
    let base = server.url("http", "localhost");
    let connected = Cell::new(0);
    let schemes =
        select(vec!["https://", "https://", "https://", "https://", "https:", "//", "/\\", "\\\\", "http://", ""]);
    let ran = runner(1000).run(&(schemes, hosts(), ports(), allowed()), |(scheme, host, port, entries)| {
        let location = format!("{scheme}{host}{port}/x");
        prop_assume!(location.bytes().all(|byte| (0x21..0x7f).contains(&byte)));
        let mut request = request("GET", &base, "/");
        request["headers"] = json!([["x-location", location]]);
        let own = base.trim_start_matches("http://");
        request["policy"] = json!({"allowed_methods": ["GET"], "allow_http": true, "max_redirects": 2,
            "allowed_hosts": entries.iter().copied().chain([own]).collect::<Vec<_>>()});
        let reply = send(engine, &request, b"", "");
        let lines = asked(&told);
        connected.set(connected.get() + lines.len());
        check(&lines, &entries, &reply)
    });
    ran.expect("a property");
    assert!(connected.get() > 20, "only {} hops passed the policy", connected.get());
    assert!(server.counts.requests() > 500);
}
