//! Exchanges that go on beside each other, and bodies in pieces, over HTTP/3.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::servers::{CONTROL, Client, DATA, Exchange, HEADERS, OK as HEAD, SETTINGS, Work, frame, number};
use crate::support::alone;
use crate::support::library::{cancel, end, head, read, start, start_upload, wait, write};
use crate::support::peak;

const OK: i32 = 0;
const PENDING: i32 = 2;
const END: i32 = 3;

fn begin(client: &Client, path: &str) -> u64 {
    let request = client.request("GET", |request| request["path"] = json!(path));
    let (status, exchange, refusal) = start(client.engine, &request, b"", "", false);
    assert_eq!((status, refusal), (OK, Value::Null));
    exchange
}

/// Waits until it has something.
fn wait_for(exchange: u64) {
    while wait(&[exchange], 100) != (OK, vec![1]) {}
}

/// Hands over a whole body, as there is room.
pub fn write_all(exchange: u64, body: &[u8]) {
    let mut left = body;
    while !left.is_empty() {
        let (status, taken) = write(exchange, left, 1);
        assert!([OK, PENDING].contains(&status), "{status}");
        left = &left[taken..];
        if !left.is_empty() {
            wait(&[exchange], 100);
        }
    }
}

/// How many bytes of it are still to come.
fn rest(exchange: u64) -> usize {
    let mut all = 0;
    loop {
        match read(exchange, 1 << 16) {
            (OK, _, bytes) => all += bytes.len(),
            (PENDING, ..) => wait_for(exchange),
            (END, ..) => return all,
            other => panic!("{other:?}"),
        }
    }
}

/// Of a record, what says how it went.
fn version(exchange: u64) -> Value {
    end(exchange).1["http_version"].take()
}

const LARGE: usize = 3 << 20;

/// Responds to the first requests with a large body, and to those that follow with a small one.
async fn large_then_small(exchange: &mut Exchange, large: usize, number: usize) {
    if number < large {
        exchange.respond(&vec![b'a'; LARGE]).await;
    } else {
        exchange.respond(b"done").await;
    }
}

fn serving(
    change: impl FnOnce(&mut quinn::ServerConfig),
    answer: impl for<'a> Fn(&'a mut Exchange) -> Work<'a> + Send + Sync + 'static,
) -> Client {
    Client::with(|server, _| change(server), &[number(CONTROL), frame(SETTINGS, b"")].concat(), answer)
}

/// A server that answers so many requests with a large body, in the order in which they come.
fn large_first(large: usize, change: impl FnOnce(&mut quinn::ServerConfig)) -> Client {
    let order = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    serving(change, move |exchange| {
        let number = order.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Box::pin(async move {
            exchange.read().await;
            large_then_small(exchange, large, number).await;
        })
    })
}

#[test]
fn bodies_that_nobody_reads_keep_no_other_from_ending() {
    let client = large_first(12, |_| {});
    let unread: Vec<_> = (0..12).map(|_| begin(&client, "/large")).collect();
    unread.iter().for_each(|exchange| wait_for(*exchange));
    assert_eq!(client.counts(), (12, 1, 0));
    let small = begin(&client, "/small");
    assert_eq!(rest(small), 4);
    assert_eq!(unread.iter().map(|exchange| rest(*exchange)).sum::<usize>(), 12 * LARGE);
    for exchange in unread.into_iter().chain([small]) {
        assert_eq!(version(exchange), "3");
    }
    assert_eq!(client.quic.requests(), 13);
}

#[test]
fn a_server_that_takes_few_at_a_time_gets_another_connection() {
    let client = large_first(2, |server| {
        let mut transport = quinn::TransportConfig::default();
        transport.max_concurrent_bidi_streams(2_u32.into());
        server.transport_config(Arc::new(transport));
    });
    let unread = [begin(&client, "/large"), begin(&client, "/large")];
    unread.iter().for_each(|exchange| wait_for(*exchange));
    let small: Vec<_> = (0..4).map(|_| begin(&client, "/small")).collect();
    for exchange in small {
        assert_eq!((rest(exchange), version(exchange)), (4, json!("3")));
    }
    for exchange in unread {
        assert_eq!((rest(exchange), version(exchange)), (LARGE, json!("3")));
    }
    let (requests, connections, over_tcp) = client.counts();
    assert!((requests, over_tcp) == (6, 0) && (2..=3).contains(&connections), "{:?}", client.counts());
}

#[test]
fn a_body_is_read_while_it_comes() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let client = serving(
        |_| {},
        move |exchange| {
            let gate = Arc::clone(&gate);
            Box::pin(async move {
                exchange.read().await;
                exchange.write(&[frame(HEADERS, HEAD), frame(DATA, b"first")].concat()).await;
                gate.acquire().await.expect("open").forget();
                exchange.write(&frame(DATA, b"second")).await;
                let _ = exchange.send.finish();
            })
        },
    );
    let exchange = begin(&client, "/");
    wait_for(exchange);
    let (status, said) = head(exchange);
    assert_eq!((status, &said["status"], &said["http_version"]), (OK, &json!(200), &json!("3")));
    let mut first = Vec::new();
    while first.len() < 5 {
        match read(exchange, 100) {
            (OK, _, bytes) => first.extend(bytes),
            (PENDING, ..) => wait_for(exchange),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((first.as_slice(), read(exchange, 100).0), (&b"first"[..], PENDING));
    opened.add_permits(1);
    assert_eq!(rest(exchange), 6);
    // One that is cancelled takes no other with it.
    let (left, other) = (begin(&client, "/"), begin(&client, "/"));
    wait_for(left);
    assert_eq!(cancel(left), OK);
    end(left);
    opened.add_permits(2);
    assert_eq!((rest(other), version(other)), (11, json!("3")));
    assert_eq!(client.quic.connections(), 1);
}

#[test]
fn a_body_is_sent_while_it_is_written() {
    let client = serving(
        |_| {},
        |exchange| {
            Box::pin(async move {
                exchange.read().await;
                exchange.respond(b"done").await;
            })
        },
    );
    for length in [Some(3 << 20), None] {
        let request = client.request("POST", |request| request["policy"]["request_bytes"] = json!(4 << 20));
        let (status, exchange, refusal) = start_upload(client.engine, &request, length, "", 0);
        assert_eq!((status, refusal), (OK, Value::Null));
        let body = vec![b'a'; 3 << 20];
        write_all(exchange, &body);
        assert_eq!(rest(exchange), 4);
        let record = end(exchange).1;
        assert_eq!((&record["bytes_out"], &record["http_version"]), (&json!(3 << 20), &json!("3")), "{record}");
        assert_eq!(client.quic.last().body.len(), 3 << 20);
    }
    // One that breaks off is no shorter one.
    let request = client.request("POST", |_| {});
    let (_, exchange, _) = start_upload(client.engine, &request, None, "", 0);
    assert!(write(exchange, b"half", 0).1 <= 4);
    wait(&[exchange], 100);
    assert_eq!(cancel(exchange), OK);
    end(exchange);
    assert_eq!(client.call("POST", b"whole", |_| {}).body, b"done");
    assert_eq!(client.quic.requests(), 3);
}

#[test]
fn what_nobody_reads_is_bounded() {
    alone::in_own_process("what_nobody_reads_is_bounded", || {
        let client = serving(
            |_| {},
            |exchange| {
                Box::pin(async move {
                    exchange.read().await;
                    exchange.write(&frame(HEADERS, HEAD)).await;
                    exchange.endlessly(&frame(DATA, &[b'a'; 16_384])).await;
                })
            },
        );
        let (exchanges, cost) = peak::cost(|| {
            let exchanges: Vec<_> = (0..16).map(|_| begin(&client, "/")).collect();
            exchanges.iter().for_each(|exchange| wait_for(*exchange));
            // Others drive their connection meanwhile.
            let read_on = begin(&client, "/");
            for _ in 0..200 {
                if read(read_on, 1 << 16).0 == PENDING {
                    wait_for(read_on);
                }
            }
            exchanges.into_iter().chain([read_on]).collect::<Vec<_>>()
        });
        println!("{cost} KiB");
        // A window each here, and as much again in the server, which is in this process.
        assert!(cost < (17 * 3) << 10, "{cost} KiB");
        for exchange in exchanges {
            cancel(exchange);
            end(exchange);
        }
    });
}
