//! One connection: frames in, frames out, and what PHP does to it meanwhile.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, timeout, timeout_at};

use super::credit::Credit;
use super::frame::{HEAD_BYTES, Kind, PAYLOAD_BYTES, SocketFrame, write_document, write_piece};

/// Heads and short bodies come in one read; what is longer goes past the buffer.
const BUFFER: usize = 4 << 10;

/// How long a frame may take from its first byte to its last.
const FRAME_TIME: Duration = Duration::from_secs(10);

/// How much of a body is written at once.
const BURST: usize = 4 * PAYLOAD_BYTES;

/// The connection of a caller.
pub struct Peer {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

/// The connection is over: closed, late, or with something on it that is no frame.
#[derive(Debug)]
pub struct Gone;

impl Peer {
    /// Takes a connection over.
    pub fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader: BufReader::with_capacity(BUFFER, reader), writer }
    }

    /// Waits until something has arrived, or the other side has closed it.
    pub async fn wait(&mut self) -> Result<(), Gone> {
        match self.reader.fill_buf().await {
            Ok([]) | Err(_) => Err(Gone),
            Ok(_) => Ok(()),
        }
    }

    /// Waits for the other side to close it, for as long as nothing arrives.
    pub async fn closed(&mut self) {
        if self.wait().await.is_ok() {
            // What has arrived is read when the call is over.
            std::future::pending::<()>().await;
        }
    }

    /// The next frame. Once its first byte is there, the rest may not take long.
    pub async fn frame(&mut self) -> Result<(SocketFrame, Vec<u8>), Gone> {
        self.wait().await?;
        timeout(FRAME_TIME, self.rest()).await.unwrap_or(Err(Gone))
    }

    async fn rest(&mut self) -> Result<(SocketFrame, Vec<u8>), Gone> {
        let mut head = [0; HEAD_BYTES];
        self.reader.read_exact(&mut head).await.map_err(|_| Gone)?;
        let head = SocketFrame::decode(head).map_err(|_| Gone)?;
        let mut payload = vec![0; head.length];
        self.reader.read_exact(&mut payload).await.map_err(|_| Gone)?;
        Ok((head, payload))
    }

    /// Writes a document.
    pub async fn tell(&mut self, kind: Kind, id: u64, document: &[u8], until: Instant) -> Result<(), Gone> {
        let mut bytes = Vec::with_capacity(document.len() + HEAD_BYTES);
        write_document(&mut bytes, kind, id, document);
        self.write(&bytes, until).await
    }

    /// Writes the head of a response and its body, as credit comes.
    pub async fn respond(&mut self, id: u64, head: &[u8], body: &[u8], until: Instant) -> Result<(), Gone> {
        let mut bytes = Vec::with_capacity(head.len() + body.len().min(BURST) + 8 * HEAD_BYTES);
        write_document(&mut bytes, Kind::Response, id, head);
        let mut credit = Credit::default();
        let mut rest = body;
        loop {
            while bytes.len() < BURST || rest.is_empty() {
                let (piece, more) = rest.split_at(rest.len().min(PAYLOAD_BYTES).min(credit.left()));
                if piece.is_empty() && !rest.is_empty() {
                    break;
                }
                credit.spend(piece.len()).map_err(|_| Gone)?;
                write_piece(&mut bytes, Kind::Body, id, piece, more.is_empty());
                rest = more;
                if rest.is_empty() {
                    return self.write(&bytes, until).await;
                }
            }
            self.write(&bytes, until).await?;
            bytes.clear();
            while credit.left() == 0 {
                let (frame, payload) = timeout_at(until, self.frame()).await.unwrap_or(Err(Gone))?;
                let given =
                    payload.first_chunk().filter(|_| frame.kind == Kind::Credit && frame.id == id).ok_or(Gone)?;
                credit.give(u32::from_be_bytes(*given)).map_err(|_| Gone)?;
            }
        }
    }

    async fn write(&mut self, bytes: &[u8], until: Instant) -> Result<(), Gone> {
        match timeout_at(until, self.writer.write_all(bytes)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }
}
