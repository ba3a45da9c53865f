//! Names with several addresses, of which some are silent, in a network that has only loopback.

use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use crate::support::alone::until;
use crate::support::dns::{Dns, addresses};
use crate::support::library::{Reply, open, send};
use crate::support::namespace::{add_address, in_own_network, resolve_here};
use crate::support::server::{Authority, Server, request};
use crate::support::silent::Silent;

const NAME: &str = "several.example.com";
const FIRST: &str = "93.184.216.34";
const SECOND: &str = "93.184.216.35";
const SIXTH: &str = "2606:2800:220:1::34";

/// A name server that gives the addresses in the order of the test, and an authority that signs certificates for the name.
struct World {
    dns: Dns,
    authority: Authority,
}

impl World {
    fn new() -> Self {
        let authority = Authority::new();
        for address in [FIRST, SECOND, SIXTH] {
            add_address(address);
        }
        resolve_here(authority.directory(), "");
        Self { dns: Dns::start(), authority }
    }

    fn server(&self, address: &str) -> Server {
        let tls = self.authority.server(&[NAME], &[], |_| {});
        Server::listen(TcpListener::bind((address, 443)).expect("a port"), Some(tls), |peer| {
            peer.read().is_some() && peer.respond("here")
        })
    }

    /// One attempt with this time limit for connecting.
    fn get(&self, connect_timeout_ms: u64, change: impl FnOnce(&mut Value)) -> Reply {
        let mut configuration = json!({
            "version": 1, "defaults": {"connect_timeout_ms": connect_timeout_ms},
            "tls": {"roots": "file", "ca_file": self.authority.file()},
        });
        change(&mut configuration);
        let (status, engine, head) = open(&configuration);
        assert_eq!(status, 0, "{head}");
        send(engine, &request("GET", &format!("https://{NAME}"), "/"), b"", "")
    }
}

fn response_from(reply: &Reply) -> (Option<u64>, &str) {
    (reply.http_status(), reply.head["audit"]["remote_address"].as_str().unwrap_or_default())
}

#[test]
fn every_address_has_its_share_of_the_time() {
    in_own_network("every_address_has_its_share_of_the_time", || {
        let world = World::new();
        let silent: Vec<String> = (1..=12).map(|last| format!("93.184.217.{last}")).collect();
        silent.iter().for_each(|address| add_address(address));
        let _silent: Vec<_> = silent.iter().map(|address| Silent::at(address, 443)).collect();
        let _silent_too = Silent::at(SIXTH, 443);
        let server = world.server(SECOND);
        let many: Vec<&str> = silent.iter().map(String::as_str).chain([SIXTH]).collect();
        // Before the last address is tried, each of the others gets 250 ms, or less where the time limit is short. What is left of a short one
        // may end during the handshake on a busy machine.
        for (call, (names, connect_timeout_ms)) in
            [(&many[11..], 10_000), (&many[11..], 300), (&many[..], 2000)].into_iter().enumerate()
        {
            let with_server: Vec<&str> = names.iter().copied().chain([SECOND]).collect();
            world.dns.set(NAME, vec![addresses(&with_server)]);
            let reply = world.get(connect_timeout_ms, |_| {});
            assert!(until(|| server.counts.connections() == call + 1), "{with_server:?}: {reply:?}");
            if call == 0 || reply.code() != "timeout.connect" {
                assert_eq!(response_from(&reply), (Some(200), SECOND), "{with_server:?}: {reply:?}");
                assert_eq!(reply.head["audit"]["attempts"], 1);
            }
        }
    });
}

#[test]
fn a_name_of_silent_addresses_ends_with_the_time() {
    in_own_network("a_name_of_silent_addresses_ends_with_the_time", || {
        let world = World::new();
        let _silent = [Silent::at(FIRST, 443), Silent::at(SECOND, 443)];
        world.dns.set(NAME, vec![addresses(&[FIRST, SECOND])]);
        let reply = world.get(400, |_| {});
        assert_eq!((reply.code(), reply.sent()), ("timeout.connect", "no"), "{reply:?}");
        // Nobody listens at SIXTH. Its refusal must not end the wait for the silent ones.
        world.dns.set(NAME, vec![addresses(&[FIRST, SIXTH, SECOND])]);
        let reply = world.get(400, |_| {});
        assert_eq!((reply.code(), reply.sent()), ("timeout.connect", "no"), "{reply:?}");
        world.dns.set(NAME, vec![addresses(&[SIXTH])]);
        assert_eq!(world.get(400, |_| {}).code(), "connect.refused");
    });
}

#[test]
fn an_attempt_goes_on_beside_the_next() {
    in_own_network("an_attempt_goes_on_beside_the_next", || {
        let world = World::new();
        let silent = [Silent::at(FIRST, 443), Silent::at(SECOND, 443)];
        world.dns.set(NAME, vec![addresses(&[FIRST, SECOND])]);
        thread::scope(|scope| {
            let call = scope.spawn(|| world.get(20_000, |_| {}));
            assert!(until(|| dials() == 2), "the second address is tried while the first is");
            // The kernel repeats the SYN after a second.
            drop(silent[0].speak());
            // The accepted connection is closed. The other address is still silent, so this end must be the one that the call reports.
            drop(silent[0].accept());
            let reply = call.join().expect("a reply");
            assert_eq!(reply.code(), "tls.handshake_failed", "{reply:?}");
        });
    });
}

/// How many connections of this network are in the state SYN_SENT.
fn dials() -> usize {
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("the kernel's table");
    table.lines().filter(|row| row.split_whitespace().nth(3) == Some("02")).count()
}

#[test]
fn a_proxy_with_several_addresses() {
    in_own_network("a_proxy_with_several_addresses", || {
        let world = World::new();
        let _silent = Silent::at(FIRST, 3128);
        let proxy = Server::listen(TcpListener::bind((SECOND, 3128)).expect("a port"), None, |peer| {
            peer.read().is_some() && peer.write("HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n")
        });
        world.dns.set(NAME, vec![addresses(&[SECOND])]);
        world.dns.set("proxy.example", vec![addresses(&[FIRST, SECOND])]);
        let reply =
            world.get(10_000, |configuration| configuration["proxy"] = json!({"url": "http://proxy.example:3128"}));
        assert_eq!(reply.code(), "connect.proxy_refused", "{reply:?}");
        assert_eq!(proxy.counts.requests(), 1);
    });
}
