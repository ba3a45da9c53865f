//! Silence: between calls, while a server works on a response, and of a server that is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::servers::{CONTROL, Client, SETTINGS, frame, number, ports};
use crate::support::library::{close, open, send};
use crate::support::server::{Authority, Server, configuration, request};

/// How long the servers here wait without a datagram. It is longer than a connection is used again for.
const IDLE: Duration = Duration::from_secs(3);
const PAUSES: [Duration; 3] = [Duration::from_millis(1500), IDLE, Duration::from_secs(6)];

/// A server with this idle time, which takes so many milliseconds for each response.
fn server() -> (Client, Arc<AtomicU64>) {
    let works = Arc::<AtomicU64>::default();
    let takes = Arc::clone(&works);
    let client = Client::with(
        |server, _| {
            let mut transport = quinn::TransportConfig::default();
            transport.max_idle_timeout(Some(IDLE.try_into().expect("an idle time")));
            server.transport_config(Arc::new(transport));
        },
        &[number(CONTROL), frame(SETTINGS, b"")].concat(),
        move |exchange| {
            let takes = Arc::clone(&takes);
            Box::pin(async move {
                exchange.read().await;
                tokio::time::sleep(Duration::from_millis(takes.load(Ordering::SeqCst))).await;
                exchange.respond(b"done").await;
            })
        },
    );
    (client, works)
}

#[test]
fn a_pause_between_calls_costs_no_error_and_sends_nothing_twice() {
    thread::scope(|scope| {
        for pause in PAUSES {
            scope.spawn(move || {
                let (client, _) = server();
                for (place, method) in ["GET", "POST", "GET", "POST"].into_iter().enumerate() {
                    let reply = client.call(method, b"x", |_| {});
                    assert_eq!(reply.body, b"done", "{method} after {pause:?}: {reply:?}");
                    assert_eq!(reply.head["http_version"], "3", "{method} after {pause:?}: {reply:?}");
                    if place == 0 {
                        thread::sleep(pause);
                    }
                }
                assert_eq!(client.quic.requests(), 4, "{pause:?}");
                assert_eq!(client.quic.connections(), 2, "{pause:?}: POST does not use one that was quiet");
            });
        }
    });
}

#[test]
fn a_server_may_work_longer_than_it_waits_without_a_datagram() {
    thread::scope(|scope| {
        for pause in PAUSES {
            scope.spawn(move || {
                let (client, works) = server();
                works.store(pause.as_millis() as u64, Ordering::SeqCst);
                let reply = client.call("POST", b"x", |_| {});
                assert_eq!(reply.body, b"done", "after {pause:?}: {reply:?}");
                assert_eq!(client.counts(), (1, 1, 0), "{pause:?}");
            });
        }
    });
}

#[test]
fn a_server_that_vanishes_after_a_request_saw_it_once_and_gets_no_other_by_http_3() {
    let mut client = Client::new(|exchange| {
        Box::pin(async move {
            exchange.read().await;
            // Long enough for it to say that the request has come.
            tokio::time::sleep(Duration::from_millis(100)).await;
            exchange.count(Vec::new());
            exchange.closed().await;
        })
    });
    let vanishes = client.vanishes_after(2);
    let reply = client.call("POST", b"x", |request| {
        request["timeout_ms"] = json!(1500);
        request["policy"]["max_attempts"] = json!(3);
    });
    vanishes.join().expect("a thread");
    assert_eq!((reply.code(), reply.sent()), ("timeout.total", "maybe"), "{reply:?}");
    // Counted twice: as it came, and later.
    assert_eq!(client.counts(), (2, 1, 0));
    let reply = client.call("POST", b"x", |_| {});
    assert_eq!((&reply.head["http_version"], reply.body.as_slice()), (&json!("1.1"), &b"over TCP"[..]), "{reply:?}");
    assert_eq!(client.counts(), (2, 1, 1));
}

#[test]
fn where_nobody_is_the_error_is_that_of_tcp() {
    let authority = Authority::new();
    let (tcp, udp) = ports();
    let port = tcp.local_addr().expect("an address").port();
    drop(tcp);
    let mut document = configuration(&authority, &["localhost"], &[port]);
    document["http_versions"] = json!(["3", "2", "1.1"]);
    let (status, engine, head) = open(&document);
    assert_eq!(status, 0, "{head}");
    let mut request = request("POST", &format!("https://localhost:{port}"), "/");
    request["policy"]["http3"] = json!("registered");
    // Less than QUIC waits for an answer.
    request["timeout_ms"] = json!(10_000);
    let reply = send(engine, &request, b"x", "");
    assert_eq!((reply.code(), reply.sent()), ("connect.refused", "no"), "{reply:?}");
    assert!(udp.recv(&mut [0; 2048]).is_ok_and(|length| length > 0), "HTTP/3 was tried");
    close(engine);
}

#[test]
fn tcp_begins_however_little_time_there_is() {
    let authority = Authority::new();
    let (tcp, _udp) = ports();
    let server = Server::listen(tcp, None, |peer| peer.take(1).is_some());
    let mut document = configuration(&authority, &["localhost"], &[server.address.port()]);
    document["http_versions"] = json!(["3", "2", "1.1"]);
    let (status, engine, head) = open(&document);
    assert_eq!(status, 0, "{head}");
    let mut request = request("POST", &server.url("https", "localhost"), "/");
    request["policy"]["http3"] = json!("registered");
    // QUIC, to which nobody answers, has a start of as much elsewhere.
    request["connect_timeout_ms"] = json!(100);
    let reply = send(engine, &request, b"x", "");
    assert_eq!(reply.sent(), "no", "{reply:?}");
    assert_eq!(server.counts.connections(), 1, "{reply:?}");
    close(engine);
}

#[test]
fn a_call_that_is_given_up_leaves_its_connection_and_not_http_3() {
    let (client, works) = server();
    assert_eq!(client.call("GET", b"", |_| {}).body, b"done");
    works.store(500, Ordering::SeqCst);
    for (key, code) in [("idle_timeout_ms", "timeout.idle"), ("timeout_ms", "timeout.total")] {
        let reply = client.call("GET", b"", |request| request[key] = json!(200));
        assert_eq!((reply.code(), reply.sent()), (code, "maybe"), "{reply:?}");
    }
    works.store(0, Ordering::SeqCst);
    let reply = client.call("GET", b"", |_| {});
    assert_eq!((&reply.head["http_version"], reply.body.as_slice()), (&json!("3"), &b"done"[..]), "{reply:?}");
    assert_eq!(client.counts(), (4, 3, 0));
}
