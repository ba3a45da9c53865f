//! A host with an event loop of its own, which sleeps in poll(2) on the one descriptor of the library and nowhere else. Each
//! test has a process of its own: what other threads do wakes every host of a process.

#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::process::Command;
use std::ptr::null_mut;
use std::sync::{Condvar, Mutex};

use serde_json::{Value, json};

use crate::c_host::compile;
use crate::support::alone::in_own_process;
use crate::support::client::{Client, Over};
use crate::support::h2;
use crate::support::library::{cancel, end, event, head, library, read, start, start_upload, wait, write};
use crate::support::server::configuration;

const OK: i32 = 0;
const FAILED: i32 = 1;
const PENDING: i32 = 2;
const END: i32 = 3;

/// Longer than anything here lasts.
const FOREVER: i32 = 30_000;

/// Whether the descriptor becomes readable within so many milliseconds.
fn sleep(timeout_ms: i32) -> bool {
    let (status, fd, _) = event();
    assert_eq!(status, OK);
    let mut asked = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: it reads and writes one live value.
    unsafe { libc::poll(&mut asked, 1, timeout_ms) == 1 }
}

/// The loop of a host: exchanges by number, and how often it was woken.
#[derive(Default)]
struct Host {
    open: BTreeMap<u64, Vec<u8>>,
    ended: Vec<(Vec<u8>, Value)>,
    woken: usize,
}

impl Host {
    fn begin(&mut self, client: &Client, count: usize) {
        for _ in 0..count {
            let (status, exchange, refusal) = start(client.engine, &client.request("GET", |_| {}), b"", "", false);
            assert_eq!((status, refusal), (OK, Value::Null));
            self.open.insert(exchange, Vec::new());
        }
    }

    /// Sleeps, and takes what there is then. False where nothing has woken it.
    fn turn(&mut self, timeout_ms: i32) -> bool {
        if !sleep(timeout_ms) {
            return false;
        }
        self.woken += 1;
        let numbers: Vec<_> = self.open.keys().copied().collect();
        let (status, ready) = wait(&numbers, 0);
        assert_eq!(status, OK);
        for (exchange, _) in numbers.into_iter().zip(ready).filter(|(_, ready)| ready & 1 == 1) {
            self.take(exchange);
        }
        true
    }

    fn take(&mut self, exchange: u64) {
        head(exchange);
        loop {
            match read(exchange, 1 << 20) {
                (OK, _, bytes) => self.open.get_mut(&exchange).expect("an open one").extend(bytes),
                (PENDING, ..) => return,
                (END | FAILED, ..) => break,
                other => panic!("{other:?}"),
            }
        }
        let body = self.open.remove(&exchange).expect("an open one");
        self.ended.push((body, end(exchange).1));
    }
}

/// Lets servers write, a piece for each number.
#[derive(Default)]
struct Gate(Mutex<usize>, Condvar);

impl Gate {
    fn open(&self, to: usize) {
        *self.0.lock().expect("no poison") = to;
        self.1.notify_all();
    }

    fn pass(&self, number: usize) -> bool {
        let mut opened = self.0.lock().expect("no poison");
        while *opened < number {
            opened = self.1.wait(opened).expect("no poison");
        }
        true
    }
}

/// Whether nothing wakes the host any more, once what is on its way has come.
fn comes_to_rest(host: &mut Host) -> bool {
    (0..10_000).any(|_| !host.turn(100))
}

#[test]
fn many_exchanges_go_on_while_their_host_sleeps_on_one_descriptor() {
    in_own_process("many_exchanges_go_on_while_their_host_sleeps_on_one_descriptor", || {
        static GATE: Gate = Gate(Mutex::new(0), Condvar::new());
        const PIECES: usize = 4;
        const EXCHANGES: usize = 40;
        let client = Client::http1(|peer| {
            peer.read().is_some()
                && peer.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 5 * PIECES))
                && (1..=PIECES).all(|number| GATE.pass(number) && peer.write("piece"))
        });
        let mut host = Host::default();
        host.begin(&client, EXCHANGES);
        for number in 1..=PIECES {
            GATE.open(number);
            while host.open.values().any(|body| body.len() < 5 * number) {
                assert!(host.turn(FOREVER), "piece {number} of {:?} woke nobody", host.open);
            }
            assert!(comes_to_rest(&mut host), "somebody wakes it without having anything");
        }
        assert_eq!((host.ended.len(), host.open.len()), (EXCHANGES, 0));
        for (body, record) in &host.ended {
            assert_eq!((body.len(), &record["status"], &record["error_code"]), (5 * PIECES, &json!(200), &Value::Null));
        }
        // A name, a connection, three flights of TLS, a head and the pieces of each, and what the host itself did.
        assert!(host.woken < 20 * EXCHANGES, "woken {} times", host.woken);
    });
}

/// Sends bodies of this size on so many streams, as far as their windows and that of the connection allow.
fn fill(connection: &mut h2::Connection<'_, '_>, streams: usize, size: usize) -> Option<()> {
    let (first, window, mut all) = connection.first()?;
    let mut open = BTreeMap::from([(first, (size, window))]);
    while open.len() < streams {
        open.insert(connection.opened()?, (size, window));
    }
    for stream in open.keys() {
        connection.head(*stream, &[(":status", b"200")], false);
    }
    while open.values().any(|(left, _)| *left > 0) {
        let mut is_full = true;
        for (stream, (left, room)) in &mut open {
            let length = 16_384.min(*left).min(*room).min(all);
            if length > 0 {
                connection.data(*stream, &vec![b'x'; length], *left == length).then_some(())?;
                (*left, *room, all) = (*left - length, *room - length, all - length);
                is_full = false;
            }
        }
        if is_full {
            let frame = connection.next()?;
            match open.get_mut(&frame.stream) {
                _ if frame.kind != h2::WINDOW_UPDATE => {}
                Some((_, room)) => *room += frame.number(0),
                None => all += frame.number(0),
            }
        }
    }
    connection.next().map(drop)
}

#[test]
fn exchanges_on_one_http2_connection_open_their_windows_while_their_host_sleeps() {
    in_own_process("exchanges_on_one_http2_connection_open_their_windows_while_their_host_sleeps", || {
        const EXCHANGES: usize = 4;
        const SIZE: usize = 5 << 20;
        let client = Client::http2(|connection| fill(connection, EXCHANGES, SIZE).is_none());
        let mut host = Host::default();
        host.begin(&client, EXCHANGES);
        while host.ended.len() < EXCHANGES {
            assert!(host.turn(FOREVER), "{:?}", host.open.values().map(Vec::len).collect::<Vec<_>>());
        }
        for (body, record) in &host.ended {
            assert_eq!((body.len(), &record["error_code"]), (SIZE, &Value::Null), "{record}");
        }
        assert_eq!(client.counts().connections(), 1);
        assert!(comes_to_rest(&mut host));
    });
}

#[test]
fn what_the_host_does_wakes_it_until_it_is_done() {
    in_own_process("what_the_host_does_wakes_it_until_it_is_done", || {
        let client = Client::http1(|peer| peer.read().is_some() && peer.respond("thanks") && peer.take(1).is_none());
        let (status, upload, _) = start_upload(client.engine, &client.request("PUT", |_| {}), Some(3), "", 0);
        assert_eq!((status, event().2), (OK, 100));
        let mut host = Host { open: BTreeMap::from([(upload, Vec::new())]), ..Host::default() };
        assert!(comes_to_rest(&mut host) && client.counts().connections() == 1, "it waits for its body");
        assert_eq!(write(upload, b"abc", 1), (OK, 3));
        while host.ended.is_empty() {
            assert!(host.turn(FOREVER));
        }
        assert_eq!(host.ended[0].0, b"thanks");

        let silent = Client::http1(|peer| peer.read().is_some() && peer.take(1).is_none());
        host.begin(&silent, 1);
        while silent.counts().requests() == 0 {
            host.turn(10);
        }
        assert!(comes_to_rest(&mut host));
        assert_eq!(cancel(*host.open.keys().next().expect("one")), OK);
        while host.ended.len() == 1 {
            assert!(host.turn(FOREVER));
        }
        assert_eq!(host.ended[1].1["error_code"], "cancelled.requested");
        assert!(silent.counts().wait_closed(1) && comes_to_rest(&mut host));
    });
}

#[test]
fn the_time_that_a_host_sleeps_is_time_in_which_it_waits() {
    in_own_process("the_time_that_a_host_sleeps_is_time_in_which_it_waits", || {
        let client = Client::http1(|peer| peer.read().is_some() && peer.take(1).is_none());
        let (_, exchange, _) = start_upload(client.engine, &client.request("PUT", |_| {}), Some(0), "", 300);
        let mut host = Host { open: BTreeMap::from([(exchange, Vec::new())]), ..Host::default() };
        while host.ended.is_empty() {
            let (_, _, timeout_ms) = event();
            if !host.turn(timeout_ms) {
                // Nothing else calls the library while it sleeps.
                let (_, ready) = wait(&[exchange], 0);
                if ready == [1] {
                    host.take(exchange);
                }
            }
        }
        assert_eq!(host.ended[0].1["error_code"], "timeout.idle");
    });
}

#[test]
fn the_descriptor_is_the_same_each_time_and_asks_for_pointers() {
    in_own_process("the_descriptor_is_the_same_each_time_and_asks_for_pointers", || {
        let (first, second) = (event(), event());
        assert_eq!((first.0, second.0, first.1), (OK, OK, second.1));
        assert!(first.1 >= 0);
        std::thread::scope(|scope| {
            let of_thread = scope.spawn(event).join().expect("a thread");
            assert_eq!(of_thread, (OK, first.1, -1), "it has no exchange");
        });
        let mut number = 7;
        // SAFETY: every pointer is to a live value, or NULL.
        let statuses =
            unsafe { [(library().event)(null_mut(), &mut number), (library().event)(&mut number, null_mut())] };
        assert_eq!((statuses, number), ([-1, -1], 7));
    });
}

#[test]
fn a_host_in_c_uploads_in_its_own_event_loop() {
    const SIZE: usize = 1_000_000;
    let client = Client::with(
        Over::Http1,
        |_| {},
        |peer| {
            while peer.read().is_some_and(|received| received.body.len() == SIZE) {
                if !peer.respond("thanks") {
                    return false;
                }
            }
            true
        },
    );
    let directory = client.authority.directory();
    let port = client.server.address.port();
    let output = Command::new(compile("events.c", directory, &[]))
        .arg(configuration(&client.authority, &["localhost"], &[port]).to_string())
        .arg(client.request("POST", |_| {}).to_string())
        .args(["20", &SIZE.to_string()])
        .output()
        .expect("the host");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "6\n".repeat(20));
    assert_eq!(client.counts().requests(), 20);
}
