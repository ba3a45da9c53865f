//! HTTP/3 through the daemon, whose runtime always runs.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Both;
use crate::host::{Answer, Sidecar, echo, own};
use crate::nginx::Nginx;
use crate::servers::{CONTROL, Client, SETTINGS, frame, number};
use crate::support::server::{Authority, configuration};

/// A daemon whose service "shop" is an API that is registered.
fn daemon(outbound: Value, base: &str) -> Sidecar {
    Sidecar::with(echo, |document| {
        let keys = document["outbound"]["master_keys"].take();
        document["outbound"] = outbound;
        document["outbound"]["master_keys"] = keys;
        document["services"]["shop"]["base_url"] = json!(base);
        document["services"]["shop"]["policy"]["http3"] = json!("registered");
        let metrics = document["audit_log"].as_str().expect("a path").replace("audit.jsonl", "metrics.sock");
        document["metrics"] = json!({"path": metrics, "mode": "0660"});
    })
}

fn metrics(sidecar: &Sidecar) -> String {
    let mut stream = UnixStream::connect(sidecar.path("metrics.sock")).expect("a connection");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a response");
    text
}

/// What the daemon has recorded of its calls: version, TLS, whether the connection was there, status.
fn recorded(sidecar: &Sidecar) -> Vec<[Value; 4]> {
    let of = |record: &Value| {
        ["http_version", "tls_version", "connection_reused", "status"].map(|key| record["audit"][key].clone())
    };
    sidecar.records().iter().filter(|record| record["audit"].is_object()).map(of).collect()
}

fn version(answer: &Answer) -> &str {
    assert_eq!(answer.head["status"], 200, "{answer:?}");
    answer.head["http_version"].as_str().expect("a version")
}

#[test]
fn calls_of_the_daemon_go_by_http_3_and_are_told_as_such() {
    let authority = Authority::new();
    let server = Both::start(&authority);
    let mut outbound = configuration(&authority, &["localhost"], &[server.tcp.address.port()]);
    outbound["http_versions"] = json!(["3", "2", "1.1"]);
    let sidecar = daemon(outbound, &server.tcp.url("https", "localhost"));
    let mut callers = [sidecar.caller(), sidecar.caller()];
    for (caller, method, body) in [(0, "GET", ""), (1, "POST", "a note"), (0, "POST", "more")] {
        let answer = callers[caller].call("shop", &own(method), body.as_bytes());
        assert_eq!((version(&answer), &answer.body), ("3", &format!("{method} {body}").into_bytes()));
    }
    let of = |reused: bool| [json!("3"), json!("1.3"), json!(reused), json!(200)];
    assert_eq!(recorded(&sidecar), [of(false), of(true), of(true)], "callers share a connection");
    let told = metrics(&sidecar);
    for (version, count) in [("3", 3), ("2", 0), ("1.1", 0)] {
        let line = format!(r#"secure_outbound_calls_by_version_total{{service="shop",version="{version}"}} {count}"#);
        assert!(told.lines().any(|told| told == line), "{line}\n{told}");
    }
    assert_eq!((server.requests(), server.tcp.counts.requests()), (3, 0));
}

#[test]
#[ignore = "takes a minute"]
fn the_daemon_keeps_a_connection_alive_and_ends_it_when_nobody_uses_it() {
    const SERVER_IDLE: Duration = Duration::from_secs(4);
    let client = Client::with(
        |server, _| {
            let mut transport = quinn::TransportConfig::default();
            transport.max_idle_timeout(Some(SERVER_IDLE.try_into().expect("an idle time")));
            server.transport_config(Arc::new(transport));
        },
        &[number(CONTROL), frame(SETTINGS, b"")].concat(),
        |exchange| {
            Box::pin(async move {
                exchange.read().await;
                exchange.respond(b"done").await;
            })
        },
    );
    let sidecar = daemon(client.document.clone(), &client.base);
    let mut caller = sidecar.caller();
    for method in ["GET", "POST", "POST"] {
        assert_eq!(version(&caller.call("shop", &own(method), b"")), "3");
        // Longer than the server waits without a datagram, and than the library uses a connection that nobody drives.
        thread::sleep(3 * SERVER_IDLE / 2);
    }
    assert_eq!(client.counts(), (3, 1, 0), "one connection");
    let begun = Instant::now();
    while client.quic.closed.load(Ordering::SeqCst) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(300), "the connection is never ended");
        thread::sleep(Duration::from_millis(100));
    }
    println!("ended {:?} after the last call", begun.elapsed() + 3 * SERVER_IDLE / 2);
    assert_eq!(version(&caller.call("shop", &own("POST"), b"")), "3");
    assert_eq!(client.counts(), (4, 2, 0));
}

#[test]
#[ignore = "needs .ci/http3-servers"]
fn nginx_serves_the_daemon() {
    let nginx = Nginx::start(true, "75s");
    let sidecar = daemon(nginx.document(&["3", "2", "1.1"]), &(nginx.base() + "/say"));
    let mut caller = sidecar.caller();
    for method in ["GET", "POST", "POST"] {
        let answer = caller.call("shop", &own(method), b"");
        assert_eq!((version(&answer), &answer.body), ("3", &format!("HTTP/3.0 {method}").into_bytes()));
    }
    let seen: Vec<_> =
        nginx.seen().into_iter().map(|[version, method, path, status, _]| [version, method, path, status]).collect();
    assert_eq!(seen, ["GET", "POST", "POST"].map(|method| ["HTTP/3.0", method, "/say/notes", "200"]));
}
