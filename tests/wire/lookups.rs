//! Lookups of names: how many run at a time, which calls share them, and what happens to them in a fork.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::alone::{in_child, until};
use crate::support::dns::{Answer, Dns, addresses};
use crate::support::library::{Reply, open, send};
use crate::support::namespace::{in_own_network, resolve_here};
use crate::support::server::{Authority, request};

/// The library's limit of lookups at a time.
const LOOKUPS: usize = 16;
const NAME: &str = "shared.example.com";
const ADDRESS: &str = "93.184.216.34";

fn engine(connect_timeout_ms: u64) -> u64 {
    let (status, engine, head) = open(&json!({
        "version": 1, "defaults": {"connect_timeout_ms": connect_timeout_ms}, "tls": {"roots": "system"},
    }));
    assert_eq!(status, 0, "{head}");
    engine
}

/// A call that fails after its lookup at the latest, because its address cannot be reached.
fn call(engine: u64, name: &str, timeout_ms: u64) -> Reply {
    let mut request = request("GET", &format!("https://{name}"), "/");
    request["timeout_ms"] = timeout_ms.into();
    send(engine, &request, b"", "")
}

/// The number of this process's threads that resolve names.
fn lookups() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("proc").flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim() == "outbound-dns").count()
}

#[test]
fn calls_that_give_up_share_what_they_leave_behind() {
    in_own_network("calls_that_give_up_share_what_they_leave_behind", || {
        let directory = Authority::new();
        resolve_here(directory.directory(), "");
        let dns = Dns::start();
        dns.set(NAME, vec![Answer::Silence]);
        let engine = engine(20_000);
        for _ in 0..600 {
            let reply = call(engine, NAME, 5);
            assert_eq!((reply.code(), reply.sent()), ("timeout.total", "no"), "{reply:?}");
        }
        assert!((1..=2).contains(&lookups()), "{} lookups of one name", lookups());
        assert!(dns.questions(NAME).0 <= 2, "{:?}", dns.questions(NAME));
    });
}

#[test]
fn calls_that_begin_together_share_a_lookup() {
    in_own_network("calls_that_begin_together_share_a_lookup", || {
        let directory = Authority::new();
        resolve_here(directory.directory(), "");
        let dns = Dns::start();
        // The question gets no answer, so the lookup is still under way when all calls have ended.
        dns.set(NAME, vec![Answer::Silence]);
        let engine = engine(20_000);
        thread::scope(|scope| {
            let calls: Vec<_> = (0..20).map(|_| scope.spawn(|| call(engine, NAME, 400))).collect();
            assert!(until(|| lookups() == 1));
            for call in calls {
                let reply = call.join().expect("a reply");
                assert_eq!((reply.code(), reply.sent()), ("timeout.total", "no"), "{reply:?}");
            }
        });
        assert_eq!(dns.questions(NAME), (1, 1));
    });
}

#[test]
fn a_question_that_was_lost_does_not_keep_a_name_from_being_asked_again() {
    in_own_network("a_question_that_was_lost_does_not_keep_a_name_from_being_asked_again", || {
        let directory = Authority::new();
        resolve_here(directory.directory(), "");
        let dns = Dns::start();
        dns.set(NAME, vec![Answer::Silence]);
        let engine = engine(1100);
        assert_eq!(call(engine, NAME, 10_000).code(), "timeout.connect");
        dns.set(NAME, vec![addresses(&[ADDRESS])]);
        assert_eq!(call(engine, NAME, 10_000).code(), "connect.failed");
    });
}

#[test]
fn the_number_of_lookups_has_a_limit_and_who_finds_no_room_waits() {
    in_own_network("the_number_of_lookups_has_a_limit_and_who_finds_no_room_waits", || {
        let directory = Authority::new();
        resolve_here(directory.directory(), "");
        let resolver = "nameserver 127.0.0.1\noptions timeout:3 attempts:1\n";
        fs::write(directory.directory().join("resolv.conf"), resolver).expect("the file that is shown");
        let dns = Dns::start();
        let engine = engine(20_000);
        let names: Vec<String> = (0..3 * LOOKUPS).map(|number| format!("silent-{number}.example.com")).collect();
        thread::scope(|scope| {
            for name in &names {
                dns.set(name, vec![Answer::Silence]);
                scope.spawn(|| assert_eq!(call(engine, name, 500).code(), "timeout.total"));
            }
        });
        assert_eq!(lookups(), LOOKUPS);
        // Calls that were waiting for a lookup have ended, so the next one can begin as soon as the resolver gives up on the others.
        dns.set(NAME, vec![addresses(&[ADDRESS])]);
        assert_eq!(call(engine, NAME, 10).code(), "timeout.total");
        assert_eq!(call(engine, NAME, 15_000).code(), "connect.failed");
    });
}

#[test]
fn children_resolve_after_a_call_that_gave_up() {
    in_own_network("children_resolve_after_a_call_that_gave_up", || {
        let directory = Authority::new();
        resolve_here(directory.directory(), "");
        let dns = Dns::start();
        dns.set("silent.example.com", vec![Answer::Silence]);
        let engine = engine(20_000);
        let resolved = (0..200_u64)
            .filter(|child| {
                let reply = call(engine, "silent.example.com", 1 + child % 4);
                assert_eq!((reply.code(), reply.sent()), ("timeout.total", "no"), "{reply:?}");
                let name = format!("{child}.example.com");
                dns.set(&name, vec![addresses(&[ADDRESS])]);
                in_child(|| {
                    let reply = call(engine, &name, 10_000);
                    assert_eq!(reply.code(), "connect.failed", "{reply:?}");
                })
            })
            .count();
        assert_eq!(resolved, 200);
    });
}

#[test]
fn children_resolve_while_a_lookup_is_under_way() {
    in_own_network("children_resolve_while_a_lookup_is_under_way", || {
        let directory = Authority::new();
        resolve_here(directory.directory(), "");
        let dns = Dns::start();
        let engine = engine(20_000);
        let resolved = (0..300_u64)
            .filter(|child| {
                let (missing, name) = (format!("missing-{child}.example.com"), format!("{child}.example.com"));
                dns.set(&name, vec![addresses(&[ADDRESS])]);
                thread::scope(|scope| {
                    // At the fork, the lookup is at a random point: not begun, under way or ended.
                    let other = scope.spawn(|| call(engine, &missing, 10_000));
                    thread::sleep(Duration::from_micros(child * 7919 % 1000));
                    let ended = in_child(|| assert_eq!(call(engine, &name, 10_000).code(), "connect.failed"));
                    assert_eq!(other.join().expect("a reply").code(), "dns.not_found");
                    ended
                })
            })
            .count();
        assert_eq!(resolved, 300);
    });
}
