//! Metrics: what operators read, who may, and that nothing of a call is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::host::{Caller, IDENTIFIER, SHOP, STRANGER, Sidecar, TOKEN, as_member, as_user, echo, next_id, own};
use crate::support::alone;

/// A daemon with metrics, whose service "down" leads nowhere.
fn measured() -> Sidecar {
    Sidecar::with(echo, |document| {
        with_metrics(document);
        let mut down = document["services"]["shop"].clone();
        down["base_url"] = json!("https://not-there.test/");
        document["services"]["down"] = down;
        document["callers"][0]["services"] = json!(["shop", "down"]);
        document["callers"][0]["limits"] = json!({"connections": 3});
    })
}

fn with_metrics(document: &mut Value) {
    let path = document["audit_log"].as_str().expect("a path").replace("audit.jsonl", "metrics.sock");
    document["metrics"] = json!({"path": path, "mode": "0660", "group": "daemon"});
}

/// What the socket responds to a request: the head, and the body.
fn ask(path: &Path, request: &str) -> (String, String) {
    let mut stream = UnixStream::connect(path).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

fn scrape(sidecar: &Sidecar) -> String {
    let (head, body) = ask(&sidecar.path("metrics.sock"), "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
    body
}

/// The value of a sample, as it is written.
fn sample<'a>(text: &'a str, named: &str) -> Option<&'a str> {
    let name = format!("secure_outbound_{named} ");
    text.lines().find_map(|line| line.strip_prefix(&name))
}

/// Calls of every kind: two with a response, one that is refused, one that fails, and one of a service that nobody has.
fn calls(sidecar: &Sidecar) -> Caller {
    let mut caller = sidecar.caller();
    for _ in 0..2 {
        assert_eq!(caller.call("shop", &own("POST"), b"b0dy-of-a-call").head["status"], 200);
    }
    assert_eq!(caller.call("shop", &own("DELETE"), b"").code(), "policy.method_not_allowed");
    assert_ne!(caller.call("down", &own("GET"), b"").code(), "");
    assert_eq!(caller.call("n0-service\"\n}", &own("GET"), b"").code(), "policy.service_unknown");
    caller
}

#[test]
fn what_happens_is_counted() {
    let sidecar = measured();
    let mut caller = calls(&sidecar);
    let _second = sidecar.caller();
    let socket = sidecar.socket();
    as_user(STRANGER, || drop(UnixStream::connect(&socket).expect("a connection")));
    as_user(SHOP, || {
        let mut caller = Caller::greeted(UnixStream::connect(&socket).expect("a connection"));
        assert_eq!(caller.call("shop", &own("GET"), b"").head["status"], 200);
    });
    let (_third, mut fourth) = (sidecar.caller(), UnixStream::connect(&socket).expect("a connection"));
    assert_eq!(fourth.read(&mut [0; 1]).expect("an end"), 0);
    caller.decide(next_id(), "shop", &own("GET"), 0).expect("a decision");
    assert!(alone::until(|| sample(&scrape(&sidecar), "strangers_total") == Some("1")));
    assert!(alone::until(|| sample(&scrape(&sidecar), r#"connections{socket="",uid="33"}"#) == Some("0")));
    let text = scrape(&sidecar);
    for (name, value) in [
        (r#"calls_total{socket="",uid="0",service="shop",outcome="response"}"#, "2"),
        (r#"calls_total{socket="",uid="0",service="shop",outcome="refused"}"#, "1"),
        (r#"calls_total{socket="",uid="0",service="down",outcome="failed"}"#, "1"),
        (r#"calls_total{socket="",uid="0",service="",outcome="refused"}"#, "1"),
        (r#"calls_total{socket="",uid="33",service="shop",outcome="response"}"#, "1"),
        (r#"errors_total{service="shop",code="policy.method_not_allowed"}"#, "1"),
        (r#"errors_total{service="",code="policy.service_unknown"}"#, "1"),
        (r#"call_duration_seconds_count{service="shop"}"#, "3"),
        (r#"call_duration_seconds_bucket{service="shop",le="+Inf"}"#, "3"),
        (r#"opened_connections_total{service="shop"}"#, "2"),
        (r#"calls_by_version_total{service="shop",version="1.1"}"#, "3"),
        (r#"calls_by_version_total{service="shop",version="3"}"#, "0"),
        (r#"sent_bytes_total{service="shop"}"#, "28"),
        (r#"received_bytes_total{service="shop"}"#, "28"),
        (r#"token_requests_total{service="shop"}"#, "0"),
        (r#"connections{socket="",uid="0"}"#, "3"),
        (r#"calls_in_flight{socket="",uid="0"}"#, "1"),
        (r#"caller_limit{socket="",uid="0",limit="connections"}"#, "3"),
        (r#"at_limit_total{socket="",uid="0",limit="connections"}"#, "1"),
        (r#"at_limit_total{socket="",uid="33",limit="connections"}"#, "0"),
        ("unrecorded_total", "0"),
    ] {
        assert_eq!(sample(&text, name), Some(value), "{name}\n{text}");
    }
    assert_ne!(sample(&text, r#"reserved_bytes{socket="",uid="0"}"#), Some("0"));
    drop(caller);
    assert!(alone::until(|| sample(&scrape(&sidecar), r#"calls_in_flight{socket="",uid="0"}"#) == Some("0")));
}

#[test]
fn a_call_whose_caller_goes_away_is_one_of_its_service() {
    let sidecar = Sidecar::with(
        |peer| {
            peer.read();
            peer.read().is_none()
        },
        with_metrics,
    );
    let (mut caller, id) = (sidecar.caller(), next_id());
    caller.decide(id, "shop", &own("GET"), 0).expect("a decision");
    caller.send(id, b"");
    assert!(alone::until(|| sidecar.server.counts.requests() == 1));
    drop(caller);
    let name = r#"calls_total{socket="",uid="0",service="shop",outcome="cancelled"}"#;
    assert!(alone::until(|| sample(&scrape(&sidecar), name) == Some("1")), "{}", scrape(&sidecar));
    assert!(alone::until(|| sidecar.records().len() == 2));
    assert_eq!(sidecar.records()[1]["service_id"], "shop");
}

#[test]
fn nothing_of_a_call_is_in_it() {
    let sidecar = measured();
    let mut caller = calls(&sidecar);
    for id in ["\u{202e}", "x\\", &"n".repeat(5000)] {
        assert_eq!(caller.call(id, &own("GET"), b"").code(), "policy.service_unknown");
    }
    let text = scrape(&sidecar);
    for secret in [TOKEN, IDENTIFIER, "b0dy", "/notes", "localhost", "not-there.test", "n0-service", "nnnn", "\u{202e}"]
    {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

/// The rules of OpenMetrics 1.0 that this text can break, each line in turn.
#[test]
fn it_is_open_metrics() {
    let sidecar = measured();
    let _caller = calls(&sidecar);
    let text = scrape(&sidecar);
    assert!(text.ends_with("\n# EOF\n") && text.matches("# EOF").count() == 1);
    let (mut kinds, mut family, mut seen, mut last) = (BTreeMap::new(), "", BTreeSet::new(), Vec::new());
    for line in text.lines().take_while(|line| *line != "# EOF") {
        if let Some(rest) = line.strip_prefix("# ") {
            let (what, rest) = rest.split_once(' ').expect("a word");
            let (name, value) = rest.split_once(' ').expect("a value");
            match what {
                "TYPE" => {
                    assert!(kinds.insert(name, value).is_none(), "{name} is there twice");
                    family = name;
                }
                "UNIT" => assert!(name == family && name.ends_with(&format!("_{value}")), "{line}"),
                "HELP" => assert!(name == family && !value.contains('\\'), "{line}"),
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
        assert!(seen.insert(series), "{series} is there twice");
        let name = series.split('{').next().expect("a name");
        let suffixes: &[&str] = match kinds[family] {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            _ => &[""],
        };
        assert!(suffixes.iter().any(|suffix| name == format!("{family}{suffix}")), "{line} in {family}");
        if name.ends_with("_bucket") {
            let (of, le) = series.split_once("le=").expect("a bucket's end");
            if last.first() == Some(&of.to_owned()) {
                assert!(last[1].parse::<u64>().expect("a number") <= value.parse().expect("a number"), "{line}");
            }
            last = vec![of.to_owned(), value.to_owned()];
            assert!(le.contains('.') || le.contains("+Inf"), "{line}");
        }
    }
    assert!(kinds.len() > 12, "{text}");
}

/// The parser of Prometheus's own client, which `.ci/openmetrics` fetches.
#[test]
fn the_parser_of_prometheus_reads_it() {
    let sidecar = measured();
    let _caller = calls(&sidecar);
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut parser = Command::new(root.join("target/openmetrics/bin/python"))
        .arg(root.join("tests/sidecar/openmetrics/parse.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("make test-rust installs python3-venv before, and PyPI can be reached");
    let text = scrape(&sidecar);
    parser.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("a text");
    let output = parser.wait_with_output().expect("an end");
    assert!(output.status.success(), "{}{text}", String::from_utf8_lossy(&output.stderr));
    let read: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(read["secure_outbound_calls"], json!(["counter", "", 12]));
    assert_eq!(read["secure_outbound_call_duration_seconds"], json!(["histogram", "seconds", 2 * 15 + 15]));
}

#[test]
fn its_group_may_read_it_and_nobody_else() {
    let mut sidecar = measured();
    let path = sidecar.path("metrics.sock");
    let about = fs::metadata(&path).expect("a socket");
    assert_eq!((about.gid(), about.mode() & 0o777), (1, 0o660));
    as_user(SHOP, || {
        let refused = UnixStream::connect(&path).expect_err("a refusal");
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied, "a caller of calls is none here");
    });
    as_member(SHOP, 1, || assert!(ask(&path, "GET /metrics HTTP/1.0\r\n\r\n").1.ends_with("# EOF\n")));
    for request in ["GET / HTTP/1.1\r\n\r\n", "POST /metrics HTTP/1.1\r\n\r\n", "\r\n\r\n", "GET /metricsx\r\n\r\n"] {
        assert!(ask(&path, request).0.starts_with("HTTP/1.0 404 "), "{request}");
    }
    // Who says nothing, or too much, holds nobody up.
    let silent: Vec<_> = (0..7).map(|_| UnixStream::connect(&path).expect("a connection")).collect();
    let mut endless = UnixStream::connect(&path).expect("a connection");
    while endless.write_all(&[b'x'; 4096]).is_ok() {}
    scrape(&sidecar);
    drop(silent);
    sidecar.signal(Signal::SIGTERM);
    assert!(sidecar.child.wait().expect("an end").success());
    assert!(!path.exists(), "it goes with the daemon");
}

#[test]
fn without_its_key_there_is_none() {
    let sidecar = Sidecar::new();
    assert_eq!(sidecar.caller().call("shop", &own("GET"), b"").head["status"], 200);
    assert!(!sidecar.path("metrics.sock").exists());
}
