//! A network in which datagrams vanish without a word, and TCP does not.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::h2;
use crate::support::library::{Reply, close, open, send};
use crate::support::namespace::{add_address, in_own_network, resolve_here};
use crate::support::server::{Authority, Server, request};

const NAME: &str = "api.example.com";
const PUBLIC: &str = "93.184.216.34";
/// How much longer than without HTTP/3 a first call may take, by the median; told, and no verdict: a busy machine is no fault.
const BAR: Duration = Duration::from_millis(300);
const CALLS: usize = 15;

fn ip(arguments: &str) -> Value {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("ip, of iproute2");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Sends all datagrams for port 443 into a tunnel at whose other end is nobody.
fn dig() {
    ip("tuntap add hole mode tun");
    ip("link set hole up");
    ip("route add default dev hole table 100");
    ip("rule add pref 10 ipproto udp dport 443 lookup 100");
    // The kernel's own addresses come after that.
    ip("rule add pref 20 lookup local");
    ip("rule del pref 0");
}

/// How many datagrams have vanished.
fn vanished() -> u64 {
    ip("-stats -json link show hole")[0]["stats64"]["tx"]["dropped"].as_u64().expect("a number")
}

#[test]
fn where_datagrams_vanish_http_2_answers_and_no_other_call_waits() {
    in_own_network("where_datagrams_vanish_http_2_answers_and_no_other_call_waits", || {
        let authority = Authority::new();
        add_address(PUBLIC);
        resolve_here(authority.directory(), &format!("{PUBLIC} {NAME}\n"));
        dig();
        let tls = authority.server(&[NAME], &[b"h2"], |_| {});
        let listener = TcpListener::bind((PUBLIC, 443)).expect("a port");
        let server = Server::listen(
            listener,
            Some(tls),
            h2::over(|connection| {
                while let Some(stream) = connection.request() {
                    if !connection.respond(stream, "by 2") {
                        break;
                    }
                }
                true
            }),
        );
        let engine = |versions: &[&str]| {
            let (status, engine, head) = open(&json!({
                "version": 1, "tls": {"roots": "file", "ca_file": authority.file()}, "http_versions": versions,
                "defaults": {"timeout_ms": 60_000},
            }));
            assert_eq!(status, 0, "{head}");
            engine
        };
        let call = |engine: u64| -> Reply {
            let mut request = request("POST", &format!("https://{NAME}"), "/");
            request["policy"]["http3"] = json!("registered");
            let reply = send(engine, &request, b"x", "");
            assert_eq!((reply.body.as_slice(), &reply.head["http_version"]), (&b"by 2"[..], &json!("2")), "{reply:?}");
            assert_eq!(reply.head["audit"]["attempts"], 1, "{reply:?}");
            reply
        };

        let tried = engine(&["3", "2"]);
        let mut before = vanished();
        call(tried);
        assert!(vanished() > before, "HTTP/3 was tried");
        before = vanished();
        for _ in 0..3 {
            call(tried);
        }
        assert_eq!(vanished(), before, "the origin is marked, and nothing is sent");
        assert_eq!((server.counts.requests(), server.counts.connections()), (4, 1));
        close(tried);

        let first = |versions: &[&str]| {
            let mut took = (0..CALLS)
                .map(|_| {
                    let engine = engine(versions);
                    let begun = Instant::now();
                    call(engine);
                    let took = begun.elapsed();
                    close(engine);
                    took
                })
                .collect::<Vec<_>>();
            took.sort();
            took[CALLS / 2]
        };
        let (without, with) = (first(&["2"]), first(&["3", "2"]));
        let more = with.saturating_sub(without);
        println!("{without:?} over HTTP/2 alone, {more:?} more where HTTP/3 is tried in vain; {BAR:?} is the bar");
        assert_eq!(server.counts.requests(), 4 + 2 * CALLS);
    });
}
