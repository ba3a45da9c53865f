//! Two handshakes with one origin: QUIC begins, TCP follows, and the first to be complete is used. No request is ever raced.

use std::future::pending;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Uri;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::connection::Connection;
use super::pool::QuicConnections;
use crate::error::Error;
use crate::net::connection::Stream;
use crate::net::connector::{self, Connector};

/// When TCP begins where not one datagram has come, and where QUIC is only slow.
const SILENT: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_millis(200);
/// How much longer a datagram is waited for where TCP has failed and not one has come.
const DOUBTFUL: Duration = Duration::from_millis(300);

/// Which handshake was complete first.
pub enum Winner {
    /// QUIC.
    Quic(Arc<Connection>),
    /// TCP, or TLS over it.
    Tcp(Box<Stream>),
}

/// Races to the origin of this target, at these addresses, and for QUIC at this port. Without a winner there is the error of TCP.
pub async fn race(
    http3: &QuicConnections,
    connector: &Connector,
    target: &Uri,
    port: Option<u16>,
    name: &str,
    addresses: Vec<IpAddr>,
    patience: Duration,
) -> Result<Winner, Error> {
    // Where there is less time, TCP has most of it.
    let (silent, slow) = (SILENT.min(patience / 4), SLOW.min(patience / 2));
    let has_heard = AtomicBool::new(false);
    let begin = Notify::new();
    let port = port.unwrap_or_else(|| connector::port(target));
    let mut quic = pin!(handshake(http3, &addresses, port, name, &has_heard));
    let mut tcp = pin!(async {
        tokio::select! {
            biased;
            () = begin.notified() => {}
            () = async {
                sleep(silent).await;
                if has_heard.load(Ordering::Relaxed) {
                    sleep(slow - silent).await;
                }
            } => {}
        }
        connector.dial_over_tcp(target, addresses.clone()).await
    });
    let refused = Notify::new();
    let mut nobody = pin!(async {
        refused.notified().await;
        sleep(DOUBTFUL).await;
        if has_heard.load(Ordering::Relaxed) {
            pending().await
        }
    });
    let (mut quic_is_over, mut refusal) = (false, None);
    loop {
        tokio::select! {
            biased;
            connection = &mut quic, if !quic_is_over => {
                if let Some(connection) = connection {
                    return Ok(Winner::Quic(connection));
                }
                quic_is_over = true;
                begin.notify_one();
            }
            stream = &mut tcp, if refusal.is_none() => match stream {
                Ok(stream) => return Ok(Winner::Tcp(Box::new(stream))),
                Err(error) => {
                    refusal = Some(error);
                    refused.notify_one();
                }
            },
            // QUIC would wait much longer for an answer that does not come.
            () = &mut nobody => quic_is_over = true,
        }
        if let Some(error) = refusal.take_if(|_| quic_is_over) {
            return Err(error);
        }
    }
}

/// The first of these addresses that speaks HTTP/3. Why another does not is nobody's concern: TCP says it too.
async fn handshake(
    http3: &QuicConnections,
    addresses: &[IpAddr],
    port: u16,
    name: &str,
    has_heard: &AtomicBool,
) -> Option<Arc<Connection>> {
    for address in addresses {
        let Ok(mut connecting) = http3.endpoints.connect(SocketAddr::new(*address, port), name) else { continue };
        // It comes with the first datagrams.
        has_heard.store(connecting.handshake_data().await.is_ok(), Ordering::Relaxed);
        if let Ok(quic) = connecting.await
            && let Some(connection) = Connection::begin(quic, http3.head).await
        {
            return Some(connection);
        }
    }
    None
}
