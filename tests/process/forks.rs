//! A host that forks: what a child inherits from its parent, and what it must not use.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use secure_outbound::envelope::aead::Algorithm;
use serde_json::{Value, json};

use crate::support;
use crate::support::alone::{self, in_child, until};
use crate::support::h2;
use crate::support::library::{self, Frame, library};
use crate::support::server::{Authority, Peer, Server, configuration, request};

const KEY: [u8; 32] = [7; 32];

/// An HTTPS server outside the process that forks, so that no child inherits its sockets, and the task that tells that process
/// how to reach it.
struct Outside {
    server: Server,
    task: Value,
    _authority: Authority,
}

impl Outside {
    fn new(handler: impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self::speaking(&[], handler)
    }

    fn speaking(alpn: &[&[u8]], handler: impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static) -> Self {
        let authority = Authority::new();
        let server = Server::start(Some(authority.server(&["localhost"], alpn, |_| {})), handler);
        let mut configuration = configuration(&authority, &["localhost"], &[server.address.port()]);
        configuration["master_keys"] =
            json!([{"id": "inherited", "provider": "raw", "key_base64": support::encode(&KEY)}]);
        let task = json!({"configuration": configuration, "url": server.url("https", "localhost")});
        Self { server, task, _authority: authority }
    }

    fn with_server() -> Self {
        Self::new(|peer| {
            while peer.read().is_some() && peer.respond("") {}
            true
        })
    }
}

/// The process of a test that forks, with its task.
struct Inside(Value);

impl Inside {
    fn open(&self) -> u64 {
        let (status, engine, head) = library::open(&self.0["configuration"]);
        assert_eq!(status, 0, "{head}");
        engine
    }

    /// Sends a request with a credential, and expects a response.
    fn send(&self, engine: u64, path: &str) {
        let mut request = request("POST", self.0["url"].as_str().expect("a URL"), path);
        request["credentials"] = json!([{"identifier": "token", "type": "bearer"}]);
        let sealed = support::seal(br#"{"token": "t"}"#, "token", &KEY, Algorithm::Aes256Gcm);
        let reply = library::send(engine, &request, b"body", &sealed);
        assert_eq!(reply.http_status(), Some(200), "{}", reply.head);
    }
}

/// A result that is not freed yet.
fn result() -> Frame {
    let (mut engine, mut frame) = (0, Frame::rubbish());
    let text = "not a configuration";
    // SAFETY: every pointer is to a live value.
    let status = unsafe { (library().open)(text.as_ptr().cast(), text.len(), &mut engine, &mut frame) };
    assert_eq!(status, 1);
    frame
}

fn free(frame: &mut Frame) {
    // SAFETY: the library wrote it.
    unsafe { (library().free)(frame) };
}

/// The names of what is in a directory of /proc/self.
fn listed(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(format!("/proc/self/{directory}")).expect("proc").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn opening_starts_no_thread_and_opens_no_socket() {
    let Some(task) = alone::task() else {
        alone::run("opening_starts_no_thread_and_opens_no_socket", &Outside::with_server().task);
        return;
    };
    let inside = Inside(task);
    library();
    let before = (listed("task"), listed("fd"));
    let engine = inside.open();
    assert_eq!((listed("task"), listed("fd")), before);

    inside.send(engine, "/");
    assert!(until(|| listed("task") == before.0), "the thread that resolved the name is still there");
    assert!(listed("fd").len() > before.1.len(), "a connection waits for the next call");
}

#[test]
fn a_child_works_with_the_handle_that_its_parent_opened() {
    let name = "a_child_works_with_the_handle_that_its_parent_opened";
    let Some(task) = alone::task() else {
        let outside = Outside::with_server();
        alone::run(name, &outside.task);
        assert_eq!((outside.server.counts.connections(), outside.server.counts.requests()), (3, 3));
        return;
    };
    let inside = Inside(task);
    let engine = inside.open();
    let grandchild = || assert!(in_child(|| inside.send(engine, "/grandchild")));
    assert!(in_child(|| {
        assert_eq!(inside.open(), engine, "the same configuration is the same engine there, too");
        inside.send(engine, "/child");
        grandchild();
    }));
    inside.send(engine, "/parent");
}

#[test]
fn the_parents_connection_is_neither_used_nor_closed_by_a_child() {
    let name = "the_parents_connection_is_neither_used_nor_closed_by_a_child";
    let Some(task) = alone::task() else {
        let outside = Outside::new(|peer| {
            let connection = peer.connection;
            while let Some(received) = peer.read() {
                let family = if received.line().starts_with("POST /parent") { 0 } else { 1 };
                if (connection == 0) != (family == 0) || !peer.respond("") {
                    return false;
                }
            }
            true
        });
        alone::run(name, &outside.task);
        let counts = &outside.server.counts;
        assert_eq!((counts.connections(), counts.requests()), (4, 12));
        return;
    };
    let inside = Inside(task);
    let engine = inside.open();
    inside.send(engine, "/parent");
    for _ in 0..3 {
        assert!(in_child(|| (0..2).for_each(|_| inside.send(engine, "/child"))));
        inside.send(engine, "/parent");
    }
    // A child that closes the inherited engine does not close the parent's.
    assert!(in_child(|| {
        // SAFETY: a handle is a number.
        assert_eq!(unsafe { (library().close)(engine) }, 0);
    }));
    (0..2).for_each(|_| inside.send(engine, "/parent"));
}

#[test]
fn a_child_has_no_exchange_of_its_parent_and_does_not_end_one() {
    let name = "a_child_has_no_exchange_of_its_parent_and_does_not_end_one";
    let Some(task) = alone::task() else {
        let outside = Outside::new(|peer| {
            let begun = peer.read().is_some() && peer.write("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf");
            begun && peer.read().is_none()
        });
        alone::run(name, &outside.task);
        assert_eq!(outside.server.counts.connections(), 1);
        return;
    };
    let inside = Inside(task);
    let engine = inside.open();
    let request = request("GET", inside.0["url"].as_str().expect("a URL"), "/");
    let (status, exchange, refusal) = library::start(engine, &request, b"", "", false);
    assert_eq!(status, 0, "{refusal}");
    assert!(until(|| library::wait(&[exchange], 100).1 == [1] && library::read(exchange, 9).2 == b"half"));
    assert!(in_child(|| {
        let unknown = [library::head(exchange).0, library::cancel(exchange), library::end(exchange).0];
        assert_eq!((unknown, library::wait(&[exchange], 0).0), ([-5; 3], -5));
        library::end_of_thread();
    }));
    assert_eq!(library::wait(&[exchange], 10), (0, vec![0]), "it goes on");
    let (status, record) = library::end(exchange);
    assert_eq!((status, &record["error_code"]), (0, &json!("cancelled.abandoned")), "{record}");
}

#[test]
fn a_child_resets_no_stream_of_its_parent() {
    let name = "a_child_resets_no_stream_of_its_parent";
    let Some(task) = alone::task() else {
        let resets = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&resets);
        // The first response of a connection ends once there is another request.
        let handler = h2::over(move |connection| {
            let mut open = None;
            while let Some(frame) = connection.next() {
                match (frame.kind, open) {
                    (h2::HEADERS, None) => {
                        connection.head(frame.stream, &[(":status", b"200")], false);
                        connection.data(frame.stream, b"half", false);
                        open = Some(frame.stream);
                    }
                    (h2::HEADERS, Some(open)) => {
                        connection.data(open, b"other half", true);
                        connection.respond(frame.stream, "done");
                    }
                    (h2::RST_STREAM, _) if connection.peer.connection == 0 => {
                        counting.fetch_add(1, Ordering::SeqCst);
                    }
                    _ => {}
                }
            }
            true
        });
        let outside = Outside::speaking(&[b"h2"], handler);
        alone::run(name, &outside.task);
        assert_eq!((outside.server.counts.connections(), resets.load(Ordering::SeqCst)), (2, 0));
        return;
    };
    let inside = Inside(task);
    let engine = inside.open();
    let request = request("GET", inside.0["url"].as_str().expect("a URL"), "/");
    let begin = || {
        let (status, exchange, refusal) = library::start(engine, &request, b"", "", false);
        assert_eq!(status, 0, "{refusal}");
        exchange
    };
    let reads = |exchange, bytes: &[u8]| {
        until(|| library::wait(&[exchange], 100).0 == 0 && library::read(exchange, 20).2 == bytes)
    };
    let exchange = begin();
    assert!(reads(exchange, b"half"));
    assert!(in_child(|| {
        assert_eq!((library::cancel(exchange), library::end(exchange).0), (-5, -5));
        let childs = begin();
        assert!(reads(childs, b"half"));
        assert_eq!((library::cancel(childs), library::end(childs).0), (0, 0), "it has a connection of its own");
        library::end_of_thread();
    }));
    let other = begin();
    assert!(reads(other, b"done") && reads(exchange, b"other half"));
    for exchange in [exchange, other] {
        let (status, record) = library::end(exchange);
        assert_eq!((status, &record["error_code"]), (0, &Value::Null), "{record}");
    }
}

#[test]
fn results_stay_with_the_process_that_has_them_and_ids_go_on() {
    alone::in_own_process("results_stay_with_the_process_that_has_them_and_ids_go_on", || {
        let mut parents = result();
        assert!(in_child(|| {
            let mut childs = result();
            assert!(childs.id > parents.id, "an id of the parent names nothing of the child");
            let mut copy = parents;
            free(&mut copy);
            assert_eq!(copy.id, 0);
            assert_eq!(parents.read().0["error"]["code"], "configuration.invalid", "and its bytes are still there");
            assert_eq!(childs.read().0["error"]["code"], "configuration.invalid");
            free(&mut childs);
        }));
        assert_eq!(parents.read().0["error"]["code"], "configuration.invalid");
        free(&mut parents);
    });
}

#[test]
fn a_child_works_while_a_thread_of_its_parent_is_in_a_call() {
    let name = "a_child_works_while_a_thread_of_its_parent_is_in_a_call";
    let Some(task) = alone::task() else {
        let (release, released) = std::sync::mpsc::channel();
        let released = std::sync::Mutex::new(released);
        let outside = Outside::new(move |peer| {
            while let Some(received) = peer.read() {
                match received.line() {
                    line if line.contains("/held") => released.lock().expect("no poison").recv().expect("a release"),
                    line if line.contains("/release") => release.send(()).expect("somebody is held"),
                    _ => {}
                }
                if !peer.respond("") {
                    break;
                }
            }
            true
        });
        alone::run(name, &outside.task);
        // Three connections: that of the held call, that of the child, and that of the parent's other thread.
        assert_eq!((outside.server.counts.connections(), outside.server.counts.requests()), (3, 4));
        return;
    };
    let inside = Inside(task);
    let engine = inside.open();
    std::thread::scope(|scope| {
        let held = scope.spawn(|| inside.send(engine, "/held"));
        // A socket shows that the held call has begun. It cannot end before the release.
        assert!(until(|| listed("fd").iter().any(|fd| is_socket(fd))));
        assert!(in_child(|| (0..2).for_each(|_| inside.send(engine, "/child"))));
        assert!(!held.is_finished());
        inside.send(engine, "/release");
        held.join().expect("the call ended well");
    });
}

fn is_socket(fd: &str) -> bool {
    fs::read_link(format!("/proc/self/fd/{fd}")).is_ok_and(|link| link.to_string_lossy().starts_with("socket:"))
}

#[test]
fn children_born_while_threads_open_and_close_do_not_hang() {
    let name = "children_born_while_threads_open_and_close_do_not_hang";
    const CHILDREN: usize = 100;
    let Some(task) = alone::task() else {
        let outside = Outside::with_server();
        alone::run(name, &outside.task);
        assert_eq!(outside.server.counts.requests(), CHILDREN / 10);
        return;
    };
    let inside = Inside(task);
    let engine = inside.open();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (stop, inside) = (&stop, &inside);
            scope.spawn(move || {
                let mut configuration = inside.0["configuration"].clone();
                for round in (0..=u8::MAX).cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    configuration["user_agent"] = format!("thread {thread}").into();
                    configuration["master_keys"][0]["key_base64"] = support::encode(&[round; 32]).into();
                    let (status, other, head) = library::open(&configuration);
                    assert_eq!(status, 0, "{head}");
                    // SAFETY: a handle is a number. Now and then it lives on with another key.
                    assert!(round % 3 == 0 || unsafe { (library().close)(other) } == 0);
                }
            });
        }
        let ended = (0..CHILDREN).all(|child| {
            in_child(|| {
                assert_eq!(inside.open(), engine);
                if child % 10 == 0 {
                    inside.send(engine, "/child");
                }
            })
        });
        stop.store(true, Ordering::Relaxed);
        assert!(ended, "a child hung or failed");
    });
}
