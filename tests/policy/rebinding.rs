//! Names whose addresses change between two lookups, in a network that has only loopback.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::dns::{Answer, Dns, addresses};
use crate::support::library::{Reply, open, send};
use crate::support::namespace::{add_address, in_own_network, resolve_here};
use crate::support::server::{Authority, Server, request};

const NAME: &str = "rebind.example.com";
const PUBLIC: &str = "93.184.216.34";

/// What every test here has: a name server, and an authority that signs certificates for the name.
struct World {
    dns: Dns,
    authority: Authority,
    internal: Value,
    connect_timeout_ms: u64,
}

impl World {
    fn new(hosts: &str) -> Self {
        let authority = Authority::new();
        for address in [PUBLIC, "93.184.216.35", "10.1.2.3", "2606:2800:220:1::34", "fd00::1"] {
            add_address(address);
        }
        resolve_here(authority.directory(), hosts);
        Self { dns: Dns::start(), authority, internal: json!([]), connect_timeout_ms: 10_000 }
    }

    /// A server at port 443 of an address; `[::]` stands for all addresses.
    fn server(&self, address: &str, keep_alive: bool) -> Server {
        let tls = self.authority.server(&[NAME], &[], |_| {});
        Server::listen(TcpListener::bind((address, 443)).expect("a port"), Some(tls), move |peer| {
            while peer.read().is_some() && peer.respond("here") && keep_alive {}
            true
        })
    }

    fn get(&self, host: &str) -> Reply {
        let (status, engine, head) = open(&json!({
            "version": 1, "internal_hosts": self.internal, "defaults": {"connect_timeout_ms": self.connect_timeout_ms},
            "tls": {"roots": "file", "ca_file": self.authority.file()},
        }));
        assert_eq!(status, 0, "{head}");
        send(engine, &request("GET", &format!("https://{host}"), "/v1"), b"", "")
    }
}

#[test]
fn what_was_judged_is_what_is_dialled() {
    in_own_network("what_was_judged_is_what_is_dialled", || {
        let world = World::new("");
        let (public, loopback) = (world.server(PUBLIC, false), world.server("127.0.0.1", false));
        world.dns.set(NAME, vec![addresses(&[PUBLIC]), addresses(&["127.0.0.1"])]);

        let reply = world.get(NAME);
        assert_eq!((reply.http_status(), &reply.head["audit"]["remote_address"]), (Some(200), &json!(PUBLIC)));
        // There was one lookup, so the call cannot have connected to an address of a second answer.
        assert_eq!(world.dns.questions(NAME), (1, 1));
        assert_eq!((public.counts.requests(), loopback.counts.connections()), (1, 0));
        assert!(public.counts.wait_ended(1));

        let reply = world.get(NAME);
        assert_eq!((reply.code(), reply.sent()), ("policy.address_not_allowed", "no"), "{reply:?}");
        assert_eq!(world.dns.questions(NAME), (2, 2));
        assert_eq!((public.counts.connections(), loopback.counts.connections()), (1, 0));
    });
}

#[test]
fn a_connection_that_lives_is_not_resolved_again() {
    in_own_network("a_connection_that_lives_is_not_resolved_again", || {
        let world = World::new("");
        let public = world.server(PUBLIC, true);
        world.dns.set(NAME, vec![addresses(&[PUBLIC]), addresses(&["127.0.0.1"])]);
        for call in 0..5 {
            let reply = world.get(NAME);
            let reused = &reply.head["audit"]["connection_reused"];
            assert_eq!((reply.http_status(), reused), (Some(200), &json!(call > 0)), "{reply:?}");
        }
        assert_eq!((world.dns.questions(NAME), public.counts.connections()), ((1, 1), 1));
    });
}

#[test]
fn one_bad_answer_among_several_refuses_the_host() {
    in_own_network("one_bad_answer_among_several_refuses_the_host", || {
        let world = World::new("");
        let everywhere = world.server("::", false);
        for bad in [
            &["127.0.0.1"][..],
            &["10.1.2.3"],
            &["::1"],
            &["fd00::1"],
            &["0.0.0.0"],
            &["169.254.169.254"],
            &["::ffff:127.0.0.1"],
            &[PUBLIC, "127.0.0.1"],
            &["127.0.0.1", PUBLIC],
            &[PUBLIC, "93.184.216.35", "10.1.2.3"],
            &[PUBLIC, "::1"],
            &[PUBLIC, "2606:2800:220:1::34", "fd00::1"],
            &["2606:2800:220:1::34", "10.1.2.3"],
        ] {
            world.dns.set(NAME, vec![addresses(bad)]);
            let reply = world.get(NAME);
            assert_eq!((reply.code(), reply.sent()), ("policy.address_not_allowed", "no"), "{bad:?}: {reply:?}");
            assert_eq!(reply.head["audit"]["remote_address"], Value::Null);
        }
        assert_eq!(everywhere.counts.connections(), 0);
    });
}

#[test]
fn of_several_good_addresses_one_that_accepts_is_enough() {
    in_own_network("of_several_good_addresses_one_that_accepts_is_enough", || {
        let world = World::new("");
        let second = world.server("93.184.216.35", false);
        world.dns.set(NAME, vec![addresses(&[PUBLIC, "93.184.216.35", "2606:2800:220:1::34"])]);
        let reply = world.get(NAME);
        assert_eq!(reply.head["audit"]["remote_address"], json!("93.184.216.35"), "{reply:?}");
        assert_eq!(second.counts.requests(), 1);
    });
}

#[test]
fn names_that_do_not_resolve_have_their_own_codes() {
    in_own_network("names_that_do_not_resolve_have_their_own_codes", || {
        let world = World { connect_timeout_ms: 1000, ..World::new("") };
        for (answer, code) in [
            (Answer::NotFound, "dns.not_found"),
            (addresses(&[]), "dns.not_found"),
            (Answer::Failure, "dns.failed"),
            (Answer::Silence, "timeout.connect"),
        ] {
            world.dns.set(NAME, vec![answer.clone()]);
            let begun = Instant::now();
            let reply = world.get(NAME);
            assert_eq!((reply.code(), reply.sent()), (code, "no"), "{answer:?}: {reply:?}");
            // The limit is 1 s. The resolver itself would wait 20 s.
            assert!(begun.elapsed() < Duration::from_secs(10), "{answer:?}: {:?}", begun.elapsed());
        }
    });
}

#[test]
fn the_hosts_file_counts() {
    in_own_network("the_hosts_file_counts", || {
        let world = World::new(&format!("{PUBLIC} {NAME}\n127.0.0.1 inside.example.com\n"));
        let (public, loopback) = (world.server(PUBLIC, false), world.server("127.0.0.1", false));
        assert_eq!(world.get(NAME).http_status(), Some(200));
        assert_eq!(world.get("inside.example.com").code(), "policy.address_not_allowed");
        assert_eq!((public.counts.requests(), loopback.counts.connections()), (1, 0));
        assert_eq!(world.dns.all_questions(), 0);
    });
}

#[test]
fn a_trailing_dot_is_the_same_host() {
    in_own_network("a_trailing_dot_is_the_same_host", || {
        let world = World::new("");
        let public = world.server(PUBLIC, true);
        world.dns.set(NAME, vec![addresses(&[PUBLIC]), addresses(&["127.0.0.1"])]);
        for host in [NAME, "rebind.example.com.", "REBIND.Example.COM."] {
            assert_eq!(world.get(host).http_status(), Some(200), "{host}");
        }
        assert_eq!((world.dns.questions(NAME), public.counts.connections()), ((1, 1), 1));
    });
}

#[test]
fn an_internal_host_stays_in_its_networks() {
    in_own_network("an_internal_host_stays_in_its_networks", || {
        let mut world = World::new("");
        world.internal = json!([{"host": NAME, "networks": ["10.1.0.0/16"], "ports": [443]}]);
        let everywhere = world.server("::", false);
        for bad in [&["127.0.0.1"][..], &[PUBLIC], &["10.1.2.3", "127.0.0.1"], &["10.1.2.3", PUBLIC], &["10.2.0.1"]] {
            world.dns.set(NAME, vec![addresses(bad)]);
            assert_eq!(world.get(NAME).code(), "policy.address_not_allowed", "{bad:?}");
        }
        assert_eq!(everywhere.counts.connections(), 0);
        world.dns.set(NAME, vec![addresses(&["10.1.2.3"]), addresses(&["127.0.0.1"])]);
        let reply = world.get(NAME);
        assert_eq!((reply.http_status(), world.dns.questions(NAME)), (Some(200), (1, 1)), "{reply:?}");
    });
}
