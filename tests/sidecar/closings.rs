//! Idle connections that a server closes, with the daemon's runtime, which polls its sockets all the time.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::host::{Sidecar, own};
use crate::support::nginx::Nginx;

const CALLS: u64 = 100;

/// As many calls with each version and method, with pauses around the 5 ms after which nginx closes. None may fail: of the one that may,
/// a POST over HTTP/1.1 that crosses the closing on its way, none is made.
#[test]
fn idle_connections_that_nginx_closes_cost_no_error() {
    let mut sidecar = Sidecar::new();
    let nginx = Nginx::start(&sidecar.authority, "5ms");
    for (http, method) in [("1.1", "GET"), ("2", "GET"), ("2", "POST")] {
        let said = sidecar.reload(|document| {
            document["outbound"]["http_versions"] = json!([http]);
            document["outbound"]["internal_hosts"][0]["ports"] = json!([nginx.tls13]);
            document["services"]["shop"]["base_url"] = json!(format!("https://localhost:{}", nginx.tls13));
        });
        assert!(said.contains("was read anew"), "{said}");
        let mut caller = sidecar.caller();
        let mut reused = 0;
        for call in 0..CALLS {
            let body: &[u8] = if method == "POST" { b"a=b" } else { b"" };
            let answer = caller.call("shop", &own(method), body);
            assert_eq!(answer.head["status"], 200, "call {call} by HTTP/{http} {method}: {answer:?}");
            reused += u64::from(answer.head["audit"]["connection_reused"] == true);
            thread::sleep(Duration::from_micros(call * 7919 % 10_000));
        }
        println!("HTTP/{http} {method}: {reused} of {CALLS} reused");
        // Otherwise nothing was closed, or everything.
        assert!((1..CALLS - 1).contains(&reused), "{reused} of {CALLS} reused");
    }
}
