//! Exchanges that go on beside each other, on a runtime with several threads: what the server has written is there, and what is
//! not read keeps nothing else from ending.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

use secure_outbound::engine::{Call, Delivery, Engine, Engines, Ongoing, Piece, RequestBody};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::support::coding::flushed;
use crate::support::h2;
use crate::support::server::{Authority, Counts, Peer, Server, configuration, request};

const LINES: [&str; 4] = ["one\n", "two\n", "three\n", "four\n"];

/// An engine in this process, and the one server that it may call.
struct Host {
    engine: Arc<Engine>,
    runtime: Runtime,
    server: Server,
    base: String,
    _authority: Authority,
}

impl Host {
    fn new(http2: bool, handler: impl Fn(&mut Peer<'_>) -> bool + Send + Sync + 'static) -> Self {
        let authority = Authority::new();
        let server =
            Server::start(Some(authority.server(&["localhost"], if http2 { &[b"h2"] } else { &[] }, |_| {})), handler);
        let document = configuration(&authority, &["localhost"], &[server.address.port()]);
        let mut engines = Engines::default();
        let (handle, _) = engines.open(document.to_string().as_bytes()).expect("a configuration");
        let engine = engines.get(handle).expect("an engine");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let base = server.url("https", "localhost");
        Self { engine, runtime: runtime.expect("a runtime"), server, base, _authority: authority }
    }

    fn counts(&self) -> &Counts {
        &self.server.counts
    }

    fn begin(&self, path: &str, delivery: Delivery) -> Arc<Ongoing> {
        let document = request("GET", &self.base, path).to_string();
        let call = Call { request: document.as_bytes(), body: RequestBody::Whole(b""), sealed: b"" };
        let Ok(exchange) = self.engine.start(call, "test") else { panic!("{path} is refused") };
        let (ongoing, task) = exchange.begin(delivery);
        self.runtime.spawn(task);
        Arc::new(ongoing)
    }

    fn head(&self, ongoing: &Arc<Ongoing>) -> Value {
        loop {
            if let Some(reply) = ongoing.head() {
                return serde_json::from_slice(&reply.head).expect("JSON");
            }
            self.runtime.block_on(Ongoing::any_ready(std::slice::from_ref(ongoing)));
        }
    }

    /// The next bytes, or nothing at the end. A failure is its code.
    fn read(&self, ongoing: &Arc<Ongoing>, max: usize) -> Result<Vec<u8>, String> {
        loop {
            match ongoing.read(max) {
                Piece::Bytes(bytes) => return Ok(bytes),
                Piece::End => return Ok(Vec::new()),
                Piece::Failed(reply) => {
                    let head: Value = serde_json::from_slice(&reply.head).expect("JSON");
                    return Err(head["error"]["code"].as_str().expect("a code").to_owned());
                }
                Piece::Nothing => drop(self.runtime.block_on(Ongoing::any_ready(std::slice::from_ref(ongoing)))),
            }
        }
    }

    fn rest(&self, ongoing: &Arc<Ongoing>) -> Result<Vec<u8>, String> {
        let mut all = Vec::new();
        loop {
            let bytes = self.read(ongoing, 1 << 20)?;
            if bytes.is_empty() {
                return Ok(all);
            }
            all.extend(bytes);
        }
    }

    fn record(&self, ongoing: &Arc<Ongoing>) -> Value {
        let reply = self.runtime.block_on(ongoing.end()).expect("a record");
        serde_json::from_slice::<Value>(&reply.head).expect("JSON")["audit"].clone()
    }
}

/// Writes one piece for each permit.
fn by_permit(http2: bool, coding: &'static str) -> (Host, Sender<()>) {
    let (sender, permits) = channel::<()>();
    let permits: Mutex<Receiver<()>> = Mutex::new(permits);
    let wait = move || permits.lock().expect("no poison").recv().is_ok();
    let host = if http2 {
        Host::new(
            true,
            h2::over(move |connection| {
                let stream = connection.request().expect("a request");
                let coded = (":status", &b"200"[..]);
                connection.head(stream, &[coded, ("content-encoding", coding.as_bytes())], false);
                let pieces = flushed(coding, &LINES);
                let last = pieces.len() - 1;
                pieces.iter().enumerate().all(|(place, piece)| wait() && connection.data(stream, piece, place == last))
                    && connection.next().is_none()
            }),
        )
    } else {
        Host::new(false, move |peer| {
            peer.read().is_some()
                && peer.write(format!("HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\n\r\n"))
                && flushed(coding, &LINES).iter().all(|piece| wait() && peer.write(piece))
        })
    };
    (host, sender)
}

#[test]
fn each_line_can_be_read_before_the_next_is_written() {
    for http2 in [false, true] {
        for coding in ["identity", "gzip", "br", "zstd"] {
            let (host, permits) = by_permit(http2, coding);
            let ongoing = host.begin("/", Delivery::InPieces { idle: None });
            assert_eq!(host.head(&ongoing)["status"], 200, "{coding}");
            for line in LINES {
                permits.send(()).expect("a server");
                let mut read = Vec::new();
                while read.len() < line.len() {
                    read.extend(host.read(&ongoing, 100).expect(coding));
                }
                assert_eq!(read, line.as_bytes(), "{coding}");
            }
            permits.send(()).expect("a server");
            assert_eq!(host.read(&ongoing, 100), Ok(Vec::new()), "{coding}: {http2}");
            let record = host.record(&ongoing);
            assert_eq!((&record["status"], &record["error_code"]), (&json!(200), &Value::Null), "{record}");
        }
    }
}

/// Responds to no request before it has seen this many on all its connections.
fn together(all: usize, streams: u8) -> Host {
    let seen = Arc::new((Mutex::new(0), Condvar::new()));
    Host::new(true, move |peer| {
        if peer.take(24).is_none() {
            return false;
        }
        let mut connection = h2::Connection { peer };
        connection.frame(h2::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, streams]);
        let (count, changed) = &*seen;
        let mut open = Vec::new();
        while open.len() < usize::from(streams) {
            let Some(stream) = connection.request() else { return true };
            open.push(stream);
            *count.lock().expect("no poison") += 1;
            changed.notify_all();
        }
        drop(changed.wait_while(count.lock().expect("no poison"), |count| *count < all).expect("no poison"));
        open.iter().all(|stream| connection.respond(*stream, "done")) && connection.next().is_none()
    })
}

#[test]
fn fifty_calls_share_a_connection_and_open_others_where_the_server_takes_ten() {
    for delivery in [Delivery::InPieces { idle: None }, Delivery::Whole { idle: None }] {
        for (streams, connections) in [(50, 1), (10, 5)] {
            let host = together(50, streams);
            let ongoing: Vec<_> = (0..50).map(|number| host.begin(&format!("/{number}"), delivery)).collect();
            for one in &ongoing {
                assert_eq!(host.rest(one), Ok(b"done".to_vec()), "{delivery:?}, {streams}");
            }
            assert_eq!(host.counts().connections(), connections, "{delivery:?}");
            let reused = ongoing.iter().filter(|one| host.record(one)["connection_reused"] == true).count();
            assert_eq!(reused, 50 - connections, "{delivery:?}");
        }
    }
}

#[test]
fn a_hundred_streams_that_nobody_reads_keep_no_call_from_ending() {
    const LEFT: usize = 300_000;
    let begun = AtomicUsize::new(0);
    let host = Host::new(
        true,
        h2::over(move |connection| {
            while let Some(stream) = connection.request() {
                if begun.fetch_add(1, Ordering::SeqCst) < 100 {
                    connection.head(stream, &[(":status", b"200")], false);
                    let pieces = [b'x'; LEFT];
                    pieces.chunks(16_000).for_each(|piece| assert!(connection.data(stream, piece, false)));
                } else {
                    connection.respond(stream, "done");
                }
            }
            true
        }),
    );
    let unread: Vec<_> = (0..100).map(|_| host.begin("/", Delivery::InPieces { idle: None })).collect();
    for one in &unread {
        assert_eq!(host.head(one)["status"], 200);
    }
    let last = host.begin("/", Delivery::InPieces { idle: None });
    assert_eq!(host.rest(&last), Ok(b"done".to_vec()));
    assert_eq!(host.counts().connections(), 2, "64 on one, and the rest");
    let mut read = 0;
    while read < LEFT {
        read += host.read(&unread[0], 1 << 20).expect("what was left").len();
    }
    assert_eq!(read, LEFT);
}

/// Serves a head and a piece of a body on each stream, and tells what the client does to it then.
fn halves(told: Sender<u8>) -> Host {
    let told = Mutex::new(told);
    Host::new(
        true,
        h2::over(move |connection| {
            while let Some(frame) = connection.next() {
                if frame.kind == h2::HEADERS && frame.stream == 1 {
                    connection.head(1, &[(":status", b"200")], false);
                    connection.data(1, b"half", false);
                } else if frame.kind == h2::HEADERS {
                    connection.respond(frame.stream, "done");
                } else if frame.kind == h2::RST_STREAM {
                    told.lock().expect("no poison").send(frame.payload[3]).expect("a test");
                }
            }
            true
        }),
    )
}

#[test]
fn a_call_that_is_cancelled_or_let_go_resets_its_stream_and_no_other() {
    for (code, stop) in [
        ("cancelled.requested", (|ongoing: &Ongoing| ongoing.cancel()) as fn(&Ongoing)),
        ("cancelled.abandoned", |_: &Ongoing| {}),
    ] {
        let (sender, told) = channel();
        let host = halves(sender);
        let ongoing = host.begin("/", Delivery::InPieces { idle: None });
        assert_eq!(host.read(&ongoing, 100), Ok(b"half".to_vec()));
        stop(&ongoing);
        if code == "cancelled.requested" {
            assert_eq!(host.read(&ongoing, 100), Err(code.to_owned()));
            ongoing.cancel();
        }
        let record = host.record(&ongoing);
        let keys = ["error_code", "sent", "status", "bytes_in", "attempts", "attempt_errors"];
        let values = keys.map(|key| record[key].clone());
        assert_eq!(values, [json!(code), json!("yes"), json!(200), json!(4), json!(1), json!([code])]);
        assert_eq!(host.record(&ongoing), record, "the same each time");
        assert_eq!(u32::from(told.recv().expect("a reset")), h2::CANCEL);
        assert_eq!(host.rest(&host.begin("/", Delivery::InPieces { idle: None })), Ok(b"done".to_vec()));
        assert_eq!(host.counts().connections(), 1, "the connection goes on");
    }
}

#[test]
fn over_http1_a_call_that_is_dropped_closes_its_connection() {
    for has_head in [false, true] {
        let (sender, told) = channel();
        let told_by = Mutex::new(sender);
        let host = Host::new(false, move |peer| {
            if peer.read().is_none() || has_head && !peer.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf") {
                return false;
            }
            told_by.lock().expect("no poison").send(()).expect("a test");
            peer.take(1).is_none()
        });
        let ongoing = host.begin("/", Delivery::InPieces { idle: None });
        told.recv().expect("a request");
        drop(ongoing);
        assert!(host.counts().wait_closed(1), "{has_head}");
    }
}

#[test]
fn a_response_that_breaks_gives_what_came_and_never_looks_short() {
    for http2 in [false, true] {
        let host = match http2 {
            true => Host::new(
                true,
                h2::over(|connection| {
                    let stream = connection.request().expect("a request");
                    connection.head(stream, &[(":status", b"200")], false);
                    connection.data(stream, b"half", false);
                    connection.rst(stream, h2::NO_ERROR) && connection.next().is_none()
                }),
            ),
            false => Host::new(false, |peer| {
                peer.read().is_some() && peer.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
            }),
        };
        let ongoing = host.begin("/", Delivery::InPieces { idle: None });
        assert_eq!(host.read(&ongoing, 100), Ok(b"half".to_vec()), "{http2}");
        assert_eq!(host.read(&ongoing, 100), Err("protocol.closed_early".to_owned()), "{http2}");
        let record = host.record(&ongoing);
        assert_eq!(record["attempt_errors"], json!(["protocol.closed_early"]), "{http2}");
        assert_eq!((&record["bytes_in"], &record["status"]), (&json!(4), &json!(200)), "{http2}");
    }
}

#[test]
fn a_break_behind_the_head_counts_once_and_is_not_repeated_and_the_callers_end_counts_nothing() {
    let host = Host::new(false, |peer| {
        peer.read().is_some_and(|received| {
            let length = if received.line().contains("cut") { 9 } else { 4 };
            let wrote = peer.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nhalf"));
            wrote && received.line().contains("held") && peer.take(1).is_none()
        })
    });
    let policy =
        json!({"allowed_methods": ["GET"], "max_attempts": 3, "breaker": {"failures": 1, "open_ms": 86_400_000}});
    let begin = |path: &str| {
        let mut document = request("GET", &host.base, path);
        document["policy"] = policy.clone();
        let document = document.to_string();
        let call = Call { request: document.as_bytes(), body: RequestBody::Whole(b""), sealed: b"" };
        host.engine.start(call, "test").map(|exchange| {
            let (ongoing, task) = exchange.begin(Delivery::InPieces { idle: None });
            host.runtime.spawn(task);
            Arc::new(ongoing)
        })
    };
    for path in ["/whole", "/held"] {
        let Ok(ongoing) = begin(path) else { panic!("{path}") };
        assert_eq!(host.read(&ongoing, 9), Ok(b"half".to_vec()), "{path}");
        host.record(&ongoing);
    }
    let Ok(cut) = begin("/cut") else { panic!("the callers' ends count") };
    assert_eq!(host.rest(&cut), Err("protocol.closed_early".to_owned()));
    assert_eq!(host.record(&cut)["attempts"], 1);
    assert_eq!(host.counts().requests(), 3);
    let Err(refused) = begin("/whole") else { panic!("the break does not count") };
    let head: Value = serde_json::from_slice(&refused.head).expect("JSON");
    assert_eq!(head["error"]["code"], "policy.circuit_open");
}
