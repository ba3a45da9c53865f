//! The connection pool: connections that are reused, shared, closed, or idle for a time.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::{ServerConnection, Stream};
use serde_json::{Value, json};

use crate::support::alone;
use crate::support::library::{Reply, open, send};
use crate::support::nginx::Nginx;
use crate::support::server::{Authority, configuration, request};
use crate::support::sockets::sockets;

const CALLS: u64 = 1000;

/// The task of one process of the test.
fn task(nginx: &Nginx, authority: &Authority, http: &str, method: &str, tls: &str) -> Value {
    let port = if tls == "1.2" { nginx.tls12 } else { nginx.tls13 };
    let mut configuration = configuration(authority, &["localhost"], &[port]);
    configuration["http_versions"] = json!([http]);
    let request = request(method, &format!("https://localhost:{port}"), "/");
    json!({"configuration": configuration, "request": request, "http": http, "method": method, "tls": tls})
}

/// Pauses after a call, for up to 10 ms around the 5 ms of nginx, with the same pauses in every run.
///
/// A POST over HTTP/1.1 that is sent while the server closes cannot be sent again, because it may have been processed. So after
/// it the test waits until this process has no established connection: on a busy machine the server may have closed it during
/// the call.
fn pause(call: u64, task: &Value) {
    match is_http1_post(task) {
        true => assert!(alone::until(|| sockets("01").is_empty()), "nginx closes"),
        false => thread::sleep(Duration::from_micros(call * 7919 % 10_000)),
    }
}

fn is_http1_post(task: &Value) -> bool {
    task["http"] == "1.1" && task["method"] == "POST"
}

/// A thousand calls, none of which may fail. A tenth of a thousand has to find an open connection, and a tenth a closed one.
/// There are more calls where the timing of a busy machine gives too few of either.
fn idle_closings(task: &Value) {
    let (_, engine, head) = open(&task["configuration"]);
    let body: &[u8] = if task["method"] == "POST" { b"a=b" } else { b"" };
    let (mut reused, mut errors) = (0, Vec::new());
    let begun = Instant::now();
    let mut calls = 0..20 * CALLS;
    for call in calls.by_ref() {
        if call >= CALLS && (is_http1_post(task) || reused.min(call - reused) >= CALLS / 10) {
            break;
        }
        let reply = send(engine, &task["request"], body, "");
        let audit = &reply.head["audit"];
        if reply.http_status() != Some(200) {
            errors.push((call, reply.head["error"].to_string()));
            continue;
        }
        assert_eq!((&audit["http_version"], &audit["tls_version"]), (&task["http"], &task["tls"]), "{head}");
        reused += u64::from(audit["connection_reused"] == true);
        pause(call, task);
    }
    let (http, method, tls) = (&task["http"], &task["method"], &task["tls"]);
    println!("HTTP/{http} {method} TLS {tls}: {} errors, {reused} reused, {:?}", errors.len(), begun.elapsed());
    assert!(errors.is_empty(), "{errors:#?}");
    // Otherwise the server would not have closed its connections between the calls.
    match is_http1_post(task) {
        true => assert_eq!(reused, 0),
        false => assert!(!calls.is_empty(), "{reused} reused"),
    }
}

#[test]
fn idle_connections_that_nginx_closes_cost_no_error() {
    if let Some(task) = alone::task() {
        return idle_closings(&task);
    }
    let authority = Authority::new();
    let nginx = Nginx::start(&authority, "5ms");
    let kinds: Vec<Value> = ["1.1", "2"]
        .iter()
        .flat_map(|http| [(http, "GET", "1.2"), (http, "GET", "1.3"), (http, "POST", "1.2"), (http, "POST", "1.3")])
        .map(|(http, method, tls)| task(&nginx, &authority, http, method, tls))
        .collect();
    // Each in a process of its own: calls of another thread would run the shared runtime, and no time would be idle.
    let failed = Mutex::new(Vec::new());
    for pair in kinds.chunks(2) {
        thread::scope(|scope| {
            for task in pair {
                let failed = &failed;
                scope.spawn(move || {
                    let ran = catch_unwind(|| alone::run("idle_connections_that_nginx_closes_cost_no_error", task));
                    match ran {
                        Ok(output) => print!("{}", String::from_utf8_lossy(&output.stdout)),
                        Err(_) => failed.lock().expect("no poison").push(task),
                    }
                });
            }
        });
    }
    assert!(failed.lock().expect("no poison").is_empty());
}

/// Opens an engine for these versions of HTTP, and returns it with a request to this port.
fn engine(authority: &Authority, port: u16, http: &[&str]) -> (u64, Value) {
    dialling(10_000, authority, port, http)
}

/// The same with a time limit for connecting, which also limits the wait for the connection of another call.
fn dialling(connect_timeout_ms: u64, authority: &Authority, port: u16, http: &[&str]) -> (u64, Value) {
    let mut configuration = configuration(authority, &["localhost"], &[port]);
    configuration["http_versions"] = json!(http);
    configuration["defaults"] = json!({"connect_timeout_ms": connect_timeout_ms});
    (open(&configuration).1, request("GET", &format!("https://localhost:{port}"), "/"))
}

/// Calls from this many threads at once.
fn together(threads: usize, engine: u64, request: &Value) -> Vec<Reply> {
    let start = Barrier::new(threads);
    thread::scope(|scope| {
        let call = || {
            start.wait();
            send(engine, request, b"", "")
        };
        let calls: Vec<_> = (0..threads).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().expect("a reply")).collect()
    })
}

#[test]
fn a_connection_serves_one_call_after_the_other() {
    let authority = Authority::new();
    let nginx = Nginx::start(&authority, "60s");
    for http in ["1.1", "2"] {
        let (engine, request) = engine(&authority, nginx.tls13, &[http]);
        let replies: Vec<Reply> = (0..20).map(|_| send(engine, &request, b"", "")).collect();
        let first = String::from_utf8_lossy(&replies[0].body);
        let connection = first.split(' ').next().expect("a number");
        for (place, reply) in (1..).zip(&replies) {
            assert_eq!(
                String::from_utf8_lossy(&reply.body),
                format!("{connection} {place} HTTP/{} TLSv1.3", version(http))
            );
            assert_eq!(reply.head["audit"]["connection_reused"], place > 1);
        }
    }
}

/// The version as nginx writes it.
fn version(http: &str) -> &str {
    if http == "2" { "2.0" } else { http }
}

#[test]
fn fifty_cold_calls_share_one_connection_over_http_2() {
    let authority = Authority::new();
    let nginx = Nginx::start(&authority, "60s");
    let (engine, request) = engine(&authority, nginx.tls13, &["2", "1.1"]);
    let replies = together(50, engine, &request);
    let connection = |reply: &Reply| -> u64 {
        let body = String::from_utf8_lossy(&reply.body);
        body.split(' ').next().and_then(|number| number.parse().ok()).expect("a number")
    };
    let connections: BTreeSet<u64> = replies.iter().map(connection).collect();
    assert_eq!(connections.len(), 1, "{connections:?} {replies:?}");
    // nginx numbers its connections, so the next number shows that there were no unused ones.
    thread::sleep(Duration::from_millis(100));
    let (another, _) = self::engine(&authority, nginx.tls13, &["2"]);
    assert_eq!(Some(&(connection(&send(another, &request, b"", "")) - 1)), connections.first());
    assert_eq!(replies.iter().filter(|reply| reply.head["audit"]["connection_reused"] == false).count(), 1);
}

#[test]
fn an_origin_is_dialled_once_at_a_time_over_http_1() {
    let authority = Authority::new();
    let tls = authority.server(&["localhost"], &[], |_| {});
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (dials, most, all) = (AtomicUsize::new(0), AtomicUsize::new(0), Barrier::new(10));
    let (engine, request) = engine(&authority, port, &["1.1"]);
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let (mut tcp, _) = listener.accept().expect("a connection");
                // No client can complete its connection before the server begins the TLS handshake.
                most.fetch_max(dials.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(10));
                dials.fetch_sub(1, Ordering::SeqCst);
                let mut session = ServerConnection::new(Arc::clone(&tls)).expect("a session");
                let mut stream = Stream::new(&mut session, &mut tcp);
                let _ = stream.read(&mut [0; 4096]).expect("a request");
                // No call gets a response before all have a connection, so that none can use the connection of another.
                all.wait();
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("a reader");
            });
        }
        for reply in together(10, engine, &request) {
            assert_eq!(reply.http_status(), Some(204), "{reply:?}");
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[test]
fn callers_in_line_behind_a_silent_host_do_not_wait_for_each_other() {
    let authority = Authority::new();
    // The kernel accepts connections, and nobody responds.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (engine, request) = dialling(300, &authority, port, &["2", "1.1"]);
    let begun = Instant::now();
    for reply in together(40, engine, &request) {
        assert_eq!((reply.code(), reply.sent()), ("timeout.connect", "no"), "{reply:?}");
    }
    // Each call waits at most one limit for others and one for its own connection: 0.6 s. In turn they would take 12 s.
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}
