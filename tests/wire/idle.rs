//! How many connections stay open when calls, or the redirects of one call, have led to many origins.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::alone::{self, until};
use crate::support::library::{Reply, open, send};
use crate::support::server::{Peer, Server, request};
use crate::support::sockets::sockets;

/// The library's limits of idle connections: of all origins, and of those that only redirects led to.
const IDLE: usize = 64;
const IDLE_REDIRECTED: usize = 8;

/// The host with this number: an address of loopback.
fn host(number: usize) -> String {
    format!("127.0.{}.{}", 1 + number / 200, 1 + number % 200)
}

/// Responds at every host: `/7/of/9` redirects to `/8/of/9` at the host with the number 8, and `/9/of/9` ends the chain.
fn respond(peer: &mut Peer<'_>, port: u16) -> bool {
    while let Some(received) = peer.read() {
        let path = received.line().split(' ').nth(1).unwrap_or_default().to_owned();
        let mut numbers = path.trim_start_matches('/').split("/of/").map(|text| text.parse().unwrap_or(0));
        let (at, last): (usize, usize) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let responded = match at < last {
            false => peer.respond("done"),
            true => peer.write(format!(
                "HTTP/1.1 307 Go on\r\ncontent-length: 0\r\nlocation: http://{}:{port}/{}/of/{last}\r\n\r\n",
                host(at + 1),
                at + 1
            )),
        };
        if !responded {
            break;
        }
    }
    true
}

/// Runs the rest of the test in a process of its own, which has no other sockets.
fn outside(name: &str) {
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let _server = Server::listen(listener, None, move |peer| respond(peer, port));
    alone::run(name, &json!({"port": port}));
}

/// An engine that may call so many hosts, and its calls.
struct Inside {
    engine: u64,
    port: u64,
    hosts: usize,
}

impl Inside {
    fn new(task: &Value, hosts: usize) -> Self {
        let port = task["port"].as_u64().expect("a port");
        let internal = |number| json!({"host": host(number), "networks": ["127.0.0.0/8"], "ports": [port]});
        let internal: Vec<Value> = (0..=hosts).map(internal).collect();
        let (status, engine, head) = open(&json!({"version": 1, "internal_hosts": internal}));
        assert_eq!(status, 0, "{head}");
        Self { engine, port, hosts }
    }

    fn call(&self, at: usize, last: usize) -> Reply {
        let base = format!("http://{}:{}", host(at), self.port);
        let mut request = request("GET", &base, &format!("/{at}/of/{last}"));
        let allowed: Vec<String> = (0..=self.hosts).map(|number| format!("{}:{}", host(number), self.port)).collect();
        request["policy"] =
            json!({"allowed_methods": ["GET"], "allowed_hosts": allowed, "allow_http": true, "max_redirects": 500});
        let reply = send(self.engine, &request, b"", "");
        assert_eq!(reply.body, b"done", "{reply:?}");
        reply
    }
}

#[test]
fn a_chain_of_redirects_leaves_few_connections_behind() {
    let name = "a_chain_of_redirects_leaves_few_connections_behind";
    let Some(task) = alone::task() else { return outside(name) };
    let inside = Inside::new(&task, 400);
    inside.call(0, 0);
    inside.call(0, 400);
    let left = sockets("01").len();
    assert!(left <= 1 + IDLE_REDIRECTED, "{left} connections");
    // The connection to the host that the caller chose does not count for that limit.
    assert_eq!(inside.call(0, 0).head["audit"]["connection_reused"], true);
    // A few connections to which redirects lead stay open as well.
    inside.call(0, 3);
    assert_eq!(inside.call(0, 3).head["audit"]["connection_reused"], true);
}

#[test]
fn calls_to_many_origins_leave_a_limited_number_of_connections_behind() {
    let name = "calls_to_many_origins_leave_a_limited_number_of_connections_behind";
    let Some(task) = alone::task() else { return outside(name) };
    let inside = Inside::new(&task, 200);
    for number in 0..IDLE {
        inside.call(number, 0);
    }
    assert_eq!(sockets("01").len(), IDLE);
    for number in 0..IDLE {
        assert_eq!(inside.call(number, 0).head["audit"]["connection_reused"], true, "{number}");
    }
    for number in IDLE..200 {
        inside.call(number, 0);
        let left = sockets("01").len();
        assert!(left <= IDLE, "{left} connections after {number}");
    }
    // A connection that had to be closed for the limit can stay open at a later call.
    assert!(until(|| inside.call(200, 0).head["audit"]["connection_reused"] == true));
}
