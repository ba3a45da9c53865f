//! Every fault in the table of `docs/faults.md` is caused here with real sockets, and has to end as its row says.

use std::thread;

use serde_json::{Value, json};

use crate::support::client::{Client, Over};
use crate::support::dns::{Answer, Dns};
use crate::support::h2::{self, Connection};
use crate::support::library::Reply;
use crate::support::namespace::{in_own_network, resolve_here};
use crate::support::server::{Authority, ClosedPort, Peer, Received};

const PAGE: &str = include_str!("../../docs/faults.md");
const HEADING: &str = "| fault | class | code | GET | POST | POST with an idempotency key |";
const NAME: &str = "api.example.com";

/// Long enough for a request to arrive on a busy machine. A slow fault takes all of this time.
const SLOW_MS: u64 = 2000;

/// A row of the page: the fault, and in the cells class, code, and the outcome of each of three requests.
struct Row {
    fault: &'static str,
    cells: Vec<String>,
}

fn rows() -> Vec<Row> {
    let table = PAGE.lines().skip_while(|line| *line != HEADING).skip(2);
    let rows: Vec<Row> = table
        .map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| {
            let mut cells = line.split(" | ");
            Row { fault: cells.next().expect("a fault"), cells: cells.map(str::to_owned).collect() }
        })
        .collect();
    assert!(rows.len() > 10 && rows.iter().all(|row| row.cells.len() == 5), "the page's table cannot be read");
    rows
}

fn row(fault: &str) -> Row {
    rows().into_iter().find(|row| row.fault == fault).expect("a row of the page")
}

/// A fault that every attempt meets: the server that causes it, and the change of the request that it needs.
struct Fault {
    client: Client,
    change: Box<dyn Fn(&mut Value)>,
}

impl Fault {
    fn new(client: Client) -> Self {
        Self::changed(client, |_| {})
    }

    /// A fault that needs another request, such as one to another URL.
    fn changed(client: Client, change: impl Fn(&mut Value) + 'static) -> Self {
        Self { client, change: Box::new(change) }
    }

    /// A server without TLS at an https URL.
    fn instead_of_tls(connect_timeout_ms: u64, handler: fn(&mut Peer<'_>) -> bool) -> Self {
        let timeout = json!({"connect_timeout_ms": connect_timeout_ms});
        let client = Client::with(Over::Plain, |configuration| configuration["defaults"] = timeout, handler);
        let base = client.server.url("https", "localhost");
        Self::changed(client, move |request| request["base_url"] = json!(base))
    }

    /// A fault that takes all of the time limit.
    fn slow(client: Client) -> Self {
        Self::changed(client, |request| request["timeout_ms"] = json!(SLOW_MS))
    }

    /// An HTTP/1.1 server that does this with every request.
    fn http1(after: fn(&mut Peer<'_>) -> bool) -> Self {
        Self::new(Client::http1(move |peer| peer.read().is_some() && after(peer)))
    }

    /// An HTTP/2 server that does this with every request, until it returns false.
    fn http2(after: fn(&mut Connection<'_, '_>, u32) -> bool) -> Self {
        Self::new(Client::http2(move |connection| {
            while let Some(stream) = connection.request() {
                if !after(connection, stream) {
                    break;
                }
            }
            true
        }))
    }
}

fn silence(peer: &mut Peer<'_>) -> bool {
    while peer.take(1).is_some() {}
    false
}

fn refused() -> Fault {
    let port = ClosedPort::new();
    let hosts = json!([{"host": "127.0.0.1", "networks": ["127.0.0.0/8"], "ports": [port.number()]}]);
    let client = Client::with(Over::Plain, |configuration| configuration["internal_hosts"] = hosts, |_| false);
    Fault::changed(client, move |request| request["base_url"] = json!(format!("https://127.0.0.1:{}", port.number())))
}

fn anothers_certificate() -> Fault {
    let authority = Authority::new();
    let tls = authority.server(&["other.example"], &[], |_| {});
    Fault::new(Client::serving(authority, Some(tls), |_| {}, |peer| peer.read().is_some()))
}

/// A fault's name on the page, and what causes it.
type Named = (&'static str, fn() -> Fault);

/// The faults that can be caused on loopback, in the page's order.
const FAULTS: [Named; 19] = [
    ("refused", refused),
    ("no handshake within `connect_timeout_ms`", || Fault::instead_of_tls(100, silence)),
    ("reset before the request, in the TLS handshake", || {
        Fault::instead_of_tls(10_000, |peer| {
            peer.take(1);
            peer.reset()
        })
    }),
    // The bytes are a fatal alert, handshake_failure.
    ("TLS failure: an alert", || {
        Fault::instead_of_tls(10_000, |peer| {
            peer.take(5);
            peer.write([21, 3, 3, 0, 2, 2, 40]) && silence(peer)
        })
    }),
    ("TLS failure: another host's certificate", anothers_certificate),
    ("GOAWAY before the request", || Fault::new(Client::http2(|connection| connection.go_away(0, h2::NO_ERROR)))),
    ("GOAWAY without our stream", || Fault::http2(|connection, stream| !connection.go_away(stream - 1, h2::NO_ERROR))),
    ("REFUSED_STREAM", || Fault::http2(|connection, stream| connection.rst(stream, h2::REFUSED_STREAM))),
    ("GOAWAY with our stream, then closed", || {
        Fault::http2(|connection, stream| !connection.go_away(stream, h2::NO_ERROR))
    }),
    ("RST_STREAM with another code", || Fault::http2(|connection, stream| connection.rst(stream, h2::INTERNAL_ERROR))),
    ("reset after the request, HTTP/1.1", || {
        Fault::new(Client::with(
            Over::Plain,
            |_| {},
            |peer| {
                // Because of the bytes that are not read, the kernel ends the connection with a reset.
                if peer.take(20).is_some() {
                    peer.count(Received::default());
                }
                peer.reset()
            },
        ))
    }),
    ("closed after the request, HTTP/1.1", || Fault::http1(|_| true)),
    ("closed after the request, HTTP/2", || Fault::http2(|_, _| false)),
    ("closed within the header", || Fault::http1(|peer| peer.write("HTTP/1.1 20"))),
    ("garbage instead of a response", || Fault::http1(|peer| peer.write("SSH-2.0-OpenSSH_9.2\r\n\r\n"))),
    ("slow header", || {
        Fault::slow(Client::http1(|peer| {
            peer.read().is_some() && peer.write("HTTP/1.1 200 OK\r\nx-slow: ") && silence(peer)
        }))
    }),
    ("slow body", || {
        Fault::slow(Client::http1(|peer| {
            peer.read().is_some() && peer.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart") && silence(peer)
        }))
    }),
    ("truncated body, HTTP/1.1", || {
        Fault::http1(|peer| peer.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\npart"))
    }),
    ("truncated body, HTTP/2", || {
        Fault::http2(|connection, stream| {
            connection.head(stream, &[(":status", b"200")], false) && !connection.data(stream, b"part", false)
        })
    }),
];

/// Makes the three calls, and returns their outcomes in the page's words.
fn happen(fault: impl Fn() -> Fault) -> Vec<String> {
    let requests: [(&str, &[u8], bool); 3] = [("GET", b"", false), ("POST", b"x", false), ("POST", b"x", true)];
    let (mut kinds, mut cells) = (Vec::new(), Vec::new());
    for (method, body, keyed) in requests {
        let Fault { client, change } = fault();
        let reply = client.call(method, body, |request| {
            request["policy"]["max_attempts"] = json!(3);
            if keyed {
                request["idempotency_key"] = json!("order-17");
            }
            change(request);
        });
        let attempts = &reply.head["audit"]["attempts"];
        assert_eq!(reply.head["audit"]["attempt_errors"], json!(vec![reply.code(); attempts_of(&reply)]), "{reply:?}");
        cells.push(format!("{}, {attempts}, {}", reply.sent(), client.counts().requests()));
        kinds.push((reply.head["error"]["class"].clone(), reply.code().to_owned()));
    }
    // All three have the same class and code, or there are more cells here than on the page.
    kinds.dedup();
    let kinds = kinds.iter().flat_map(|(class, code)| [class.as_str().unwrap_or_default().to_owned(), code.clone()]);
    kinds.chain(cells).collect()
}

fn attempts_of(reply: &Reply) -> usize {
    reply.head["audit"]["attempts"].as_u64().and_then(|attempts| attempts.try_into().ok()).expect("a number")
}

/// The faults that need a name server, and for it a network of their own.
const LOOKUPS: [(&str, Answer); 2] =
    [("the name does not exist", Answer::NotFound), ("the name server fails", Answer::Failure)];

#[test]
fn every_row_of_the_page_has_its_fault() {
    let names = LOOKUPS.iter().map(|(name, _)| *name).chain(FAULTS.iter().map(|(name, _)| *name));
    assert_eq!(rows().iter().map(|row| row.fault).collect::<Vec<_>>(), names.collect::<Vec<_>>());
}

#[test]
fn what_the_other_side_does_ends_as_the_page_says() {
    // Each call has an engine of its own, and a process has at most sixteen.
    for some in FAULTS.chunks(6) {
        thread::scope(|scope| {
            let start = |(name, fault): &(&'static str, fn() -> Fault)| {
                let (name, fault) = (*name, *fault);
                (name, scope.spawn(move || happen(fault)))
            };
            let calls: Vec<_> = some.iter().map(start).collect();
            for (name, call) in calls {
                assert_eq!(call.join().expect("three calls"), row(name).cells, "{name}");
            }
        });
    }
}

#[test]
fn what_the_name_server_does_ends_as_the_page_says() {
    in_own_network("what_the_name_server_does_ends_as_the_page_says", || {
        let (authority, dns) = (Authority::new(), Dns::start());
        resolve_here(authority.directory(), "");
        for (name, answer) in LOOKUPS {
            dns.set(NAME, vec![answer]);
            let fault = || {
                let change = |request: &mut Value| request["base_url"] = json!(format!("https://{NAME}"));
                Fault::changed(Client::with(Over::Plain, |_| {}, |_| false), change)
            };
            assert_eq!(happen(fault), row(name).cells, "{name}");
        }
    });
}
