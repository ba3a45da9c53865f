//! The operators' socket: whoever may open it reads the metrics, by HTTP/1.0 as their collectors speak it.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::accept::NO_DESCRIPTOR;
use super::daemon::Daemon;
use super::openmetrics;

/// How many may read at a time; others wait at the socket.
const READERS: usize = 8;

/// How long one may take.
const READING_TIME: Duration = Duration::from_secs(10);

/// The longest head of a request.
const REQUEST_BYTES: usize = 8 << 10;

const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves the socket for as long as the daemon runs.
pub async fn serve(daemon: Arc<Daemon>, listener: UnixListener) {
    let readers = Arc::new(Semaphore::new(READERS));
    loop {
        let Ok(place) = Arc::clone(&readers).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(NO_DESCRIPTOR).await;
            continue;
        };
        let daemon = Arc::clone(&daemon);
        tokio::spawn(async move {
            // Whoever goes away or takes too long gets nothing.
            let _ = timeout(READING_TIME, respond(&daemon, stream)).await;
            drop(place);
        });
    }
}

async fn respond(daemon: &Daemon, mut stream: UnixStream) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        let read = stream.read_buf(&mut request).await?;
        if read == 0 || request.len() > REQUEST_BYTES {
            return Ok(());
        }
    }
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (status, content, body) = match daemon.metrics().filter(|_| line.starts_with(b"GET /metrics HTTP/1.")) {
        Some(metrics) => ("200 OK", CONTENT, openmetrics::text(daemon, metrics)),
        None => ("404 Not Found", "text/plain", "GET /metrics is all that is here\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.0 {status}\r\nContent-Type: {content}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
