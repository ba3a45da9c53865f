//! Exchanges that go on beside each other, on a runtime with several threads: what the server has written is there, and what is
//! not read keeps nothing else from ending.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

use secure_outbound::engine::{Call, Delivery, Engine, Engines, Ongoing, Piece, Reply, RequestBody};
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
        self.try_begin(&request("GET", &self.base, path), delivery).expect("a call that is allowed")
    }

    /// The same with a breaker. A refusal is its code.
    fn begin_guarded(&self, max_attempts: u32, failures: u32) -> Result<Arc<Ongoing>, String> {
        let mut document = request("GET", &self.base, "/");
        document["policy"]["max_attempts"] = json!(max_attempts);
        document["policy"]["breaker"] = json!({"failures": failures, "open_ms": 86_400_000});
        self.try_begin(&document, Delivery::InPieces { idle: None })
    }

    fn try_begin(&self, document: &Value, delivery: Delivery) -> Result<Arc<Ongoing>, String> {
        let document = document.to_string();
        let call = Call { request: document.as_bytes(), body: RequestBody::Whole(b""), sealed: b"" };
        let (ongoing, task) = self.engine.start(call, "test").map_err(code)?.begin(delivery);
        self.runtime.spawn(task);
        Ok(Arc::new(ongoing))
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
                Piece::Bytes(bytes) => return Ok(bytes.to_vec()),
                Piece::End => return Ok(Vec::new()),
                Piece::Failed(reply) => return Err(code(reply)),
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

fn code(failure: Reply) -> String {
    let head: Value = serde_json::from_slice(&failure.head).expect("JSON");
    head["error"]["code"].as_str().expect("a code").to_owned()
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

/// Responds to request after request with this status: with a body that is `whole`, with one that does not go on, or with one that
/// is `cut`; later ones like the last.
fn ends(http2: bool, status: u16, each: &'static [&'static str]) -> Host {
    let next = AtomicUsize::new(0);
    let next = move || each[next.fetch_add(1, Ordering::SeqCst).min(each.len() - 1)];
    if !http2 {
        return Host::new(false, move |peer| {
            peer.read().is_some() && {
                let end = next();
                let length = if end == "whole" { 4 } else { 9 };
                let wrote = peer.write(format!("HTTP/1.1 {status} Reason\r\ncontent-length: {length}\r\n\r\nhalf"));
                wrote && end == "held" && peer.take(1).is_none()
            }
        });
    }
    Host::new(
        true,
        h2::over(move |connection| {
            while let Some(stream) = connection.request() {
                let end = next();
                connection.head(stream, &[(":status", status.to_string().as_bytes())], false);
                connection.data(stream, b"half", end == "whole");
                if end == "cut" {
                    connection.rst(stream, h2::NO_ERROR);
                }
            }
            true
        }),
    )
}

#[test]
fn a_break_behind_the_head_counts_once_and_is_not_repeated_and_the_callers_end_counts_nothing() {
    for http2 in [false, true] {
        let host = ends(http2, 200, &["whole", "held", "cut"]);
        for end in ["whole", "held"] {
            let ongoing = host.begin_guarded(3, 1).expect(end);
            assert_eq!(host.read(&ongoing, 9), Ok(b"half".to_vec()), "{end}, {http2}");
            host.record(&ongoing);
        }
        let cut = host.begin_guarded(3, 1).expect("the callers' ends count nothing");
        assert_eq!(host.rest(&cut), Err("protocol.closed_early".to_owned()), "{http2}");
        assert_eq!(host.record(&cut)["attempts"], 1);
        assert_eq!(host.counts().requests(), 3);
        assert_eq!(host.begin_guarded(3, 1).err().as_deref(), Some("policy.circuit_open"), "the break counts: {http2}");
    }
}

#[test]
fn a_5xx_counts_when_its_head_is_there_and_a_break_behind_it_once_more() {
    for http2 in [false, true] {
        let host = ends(http2, 503, &["held"]);
        let held = host.begin_guarded(1, 1).expect("closed");
        assert_eq!(host.head(&held)["status"], 503);
        assert_eq!(host.begin_guarded(1, 1).err().as_deref(), Some("policy.circuit_open"), "before its end: {http2}");
        assert_eq!(host.record(&held)["error_code"], "cancelled.abandoned");
        for (failures, refusal) in [(2, Some("policy.circuit_open")), (3, None)] {
            let host = ends(http2, 503, &["cut"]);
            let cut = host.begin_guarded(1, failures).expect("closed");
            assert_eq!(host.rest(&cut), Err("protocol.closed_early".to_owned()), "{http2}");
            assert_eq!(host.begin_guarded(1, failures).err().as_deref(), refusal, "{failures}, {http2}");
        }
    }
}

#[test]
fn cancelling_a_stream_leaves_another_that_is_open_on_its_connection() {
    let host = Host::new(
        true,
        h2::over(|connection| {
            let open: Vec<_> = (0..2).map_while(|_| connection.request()).collect();
            for stream in &open {
                connection.head(*stream, &[(":status", b"200")], false);
                connection.data(*stream, b"half", false);
            }
            let mut frames = std::iter::from_fn(|| connection.next());
            let reset = frames.find(|frame| frame.kind == h2::RST_STREAM).map(|frame| frame.stream);
            let other = open.into_iter().find(|stream| Some(*stream) != reset).expect("another");
            connection.data(other, b"other half", true) && connection.next().is_none()
        }),
    );
    let [cancelled, other] = ["/1", "/2"].map(|path| host.begin(path, Delivery::InPieces { idle: None }));
    for one in [&cancelled, &other] {
        assert_eq!(host.read(one, 9), Ok(b"half".to_vec()));
    }
    cancelled.cancel();
    assert_eq!(host.rest(&other), Ok(b"other half".to_vec()));
    assert_eq!(host.rest(&cancelled), Err("cancelled.requested".to_owned()));
    assert_eq!(host.record(&other)["error_code"], Value::Null);
    assert_eq!(host.counts().connections(), 1);
}

#[test]
fn an_unread_exchange_holds_a_mebibyte_on_a_connection_with_room_for_64() {
    const HELD: usize = 1 << 20;
    const WINDOW: usize = HELD - 64 * 1024;
    const SIZE: usize = 3 * HELD;
    let (sender, told) = channel();
    let told_by = Mutex::new(sender);
    let host = Host::new(
        true,
        h2::over(move |connection| {
            let Some((stream, window, all)) = connection.first() else { return false };
            let tell = |sent| told_by.lock().expect("no poison").send((window, all, sent)).expect("a test");
            connection.head(stream, &[(":status", b"200")], false);
            let (piece, mut room, mut sent) = ([b'x'; 16_384], window, 0);
            loop {
                while room > 0 && sent < SIZE {
                    let length = piece.len().min(room).min(SIZE - sent);
                    if !connection.data(stream, &piece[..length], false) {
                        return false;
                    }
                    (room, sent) = (room - length, sent + length);
                }
                if sent == SIZE {
                    break;
                }
                match connection.next() {
                    Some(frame) if frame.kind == h2::WINDOW_UPDATE && frame.stream == stream => room += frame.number(0),
                    Some(frame) if frame.kind == h2::HEADERS => {
                        tell(sent);
                        connection.respond(frame.stream, "done");
                    }
                    Some(_) => {}
                    None => return false,
                }
            }
            connection.data(stream, b"", true) && connection.next().is_none()
        }),
    );
    let unread = host.begin("/", Delivery::InPieces { idle: None });
    assert_eq!(host.head(&unread)["status"], 200);
    for round in 0..20 {
        let beside = host.begin("/", Delivery::InPieces { idle: None });
        assert_eq!(host.rest(&beside), Ok(b"done".to_vec()));
        let (window, all, sent) = told.recv().expect("a server");
        assert_eq!((window, all), (WINDOW, 64 * WINDOW), "{round}");
        assert!((WINDOW..=HELD).contains(&sent), "{sent} in round {round}");
    }
    assert_eq!(host.rest(&unread).map(|bytes| bytes.len()), Ok(SIZE));
    assert_eq!(host.counts().connections(), 1);
}

#[test]
fn a_call_that_is_collected_has_a_connection_of_its_own_with_larger_windows() {
    let (sender, told) = channel();
    let told_by = Mutex::new(sender);
    let host = Host::new(
        true,
        h2::over(move |connection| {
            let Some((stream, window, all)) = connection.first() else { return false };
            told_by.lock().expect("no poison").send((window, all)).expect("a test");
            connection.respond(stream, "done") && connection.next().is_none()
        }),
    );
    assert_eq!(host.rest(&host.begin("/", Delivery::InPieces { idle: None })), Ok(b"done".to_vec()));
    let document = request("GET", &host.base, "/").to_string();
    let call = Call { request: document.as_bytes(), body: RequestBody::Whole(b""), sealed: b"" };
    let exchange = host.engine.start(call, "test").map_err(code).expect("a call that is allowed");
    assert_eq!(*host.runtime.block_on(exchange.collect()).body, *b"done");
    let [in_pieces, collected] = [(); 2].map(|()| told.recv().expect("a server"));
    assert!(collected.0 > in_pieces.0, "{collected:?} and {in_pieces:?}");
    assert_eq!(host.counts().connections(), 2);
}

#[test]
fn a_call_that_is_collected_keeps_its_engine() {
    let host = Host::new(true, h2::over(|_| false));
    let document = request("GET", &host.base, "/").to_string();
    let call = Call { request: document.as_bytes(), body: RequestBody::Whole(b""), sealed: b"" };
    let collected = host.engine.start(call, "test").map_err(code).expect("a call that is allowed").collect();
    let Host { engine, .. } = host;
    let engine = {
        let weak = Arc::downgrade(&engine);
        drop(engine);
        weak
    };
    assert!(engine.upgrade().is_some(), "fetches of tokens end with it");
    drop(collected);
    assert!(engine.upgrade().is_none());
}
