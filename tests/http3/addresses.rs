//! The guard holds for QUIC: nothing is sent to an address that was not judged, wherever a server would rather have it.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::servers::{CONTROL, Client, SETTINGS, frame, number};

/// An address that the configurations here do not allow.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn control() -> Vec<u8> {
    [number(CONTROL), frame(SETTINGS, b"")].concat()
}

/// A socket at the address that is not allowed.
fn elsewhere() -> UdpSocket {
    let socket = UdpSocket::bind((ELSEWHERE, 0)).expect("an address of loopback");
    socket.set_nonblocking(true).expect("a socket");
    socket
}

/// How many datagrams have come there.
fn datagrams(socket: &UdpSocket) -> usize {
    std::iter::from_fn(|| socket.recv(&mut [0; 2048]).ok()).count()
}

#[test]
fn a_server_that_prefers_another_address_is_not_followed() {
    let other = elsewhere();
    let SocketAddr::V4(preferred) = other.local_addr().expect("an address") else { panic!("not of IPv4") };
    let client = Client::with(
        |server, document| {
            server.preferred_address_v4(Some(SocketAddrV4::new(*preferred.ip(), preferred.port())));
            document["internal_hosts"][0]["networks"] = json!(["127.0.0.1/32", "::1/128"]);
        },
        &control(),
        |exchange| {
            Box::pin(async move {
                exchange.read().await;
                exchange.respond(b"done").await;
            })
        },
    );
    for _ in 0..3 {
        let reply = client.call("POST", b"x", |_| {});
        assert_eq!(reply.body, b"done", "{reply:?}");
        assert_eq!(reply.head["audit"]["remote_address"], "127.0.0.1", "{reply:?}");
    }
    assert_eq!((client.counts(), datagrams(&other)), ((3, 1, 0), 0));
}

/// Carries datagrams between a client and the server at `to`; those of the server come from another address once it has moved.
fn relay(front: UdpSocket, to: SocketAddr, moved: Arc<AtomicBool>, other: UdpSocket) {
    front.set_read_timeout(Some(Duration::from_millis(1))).expect("a socket");
    let back = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    back.set_nonblocking(true).expect("a socket");
    thread::spawn(move || {
        let (mut buffer, mut client) = ([0; 65_536], None);
        loop {
            if let Ok((length, from)) = front.recv_from(&mut buffer) {
                client = Some(from);
                let _ = back.send_to(&buffer[..length], to);
            }
            while let (Ok(length), Some(client)) = (back.recv(&mut buffer), client) {
                let from = if moved.load(Ordering::SeqCst) { &other } else { &front };
                let _ = from.send_to(&buffer[..length], client);
            }
        }
    });
}

#[test]
fn a_server_that_answers_from_another_address_is_not_heard() {
    let other = elsewhere();
    let front = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = front.local_addr().expect("an address").port();
    let client = Client::with(
        |_, document| {
            document["internal_hosts"][0]["networks"] = json!(["127.0.0.1/32"]);
            document["internal_hosts"][0]["ports"] = json!([port]);
        },
        &control(),
        |exchange| {
            Box::pin(async move {
                exchange.read().await;
                exchange.respond(b"done").await;
            })
        },
    );
    let moved = Arc::<AtomicBool>::default();
    relay(front, client.tcp.address, Arc::clone(&moved), other.try_clone().expect("a socket"));
    // Nobody listens for TCP there.
    let call = |timeout_ms: u64| {
        client.call("POST", b"x", |request| {
            request["base_url"] = json!(format!("https://localhost:{port}"));
            request["timeout_ms"] = json!(timeout_ms);
        })
    };
    let reply = call(20_000);
    assert_eq!(reply.body, b"done", "{reply:?}");
    moved.store(true, Ordering::SeqCst);
    let reply = call(500);
    assert_eq!((reply.code(), reply.sent()), ("timeout.total", "maybe"), "{reply:?}");
    assert_eq!((client.counts(), datagrams(&other)), ((2, 1, 0), 0));
}
