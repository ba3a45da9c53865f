//! One connection: frames in and frames out.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Instant;

use super::frame::{HEAD_BYTES, Kind, SocketFrame, write_document};
use crate::sys::lock;

/// A call with a short body comes in one read.
pub const BUFFER: usize = 16 << 10;

/// How long a frame may take from its first byte to its last.
const FRAME_TIME: Duration = Duration::from_secs(10);

/// How many pieces are given to the kernel at once.
const SLICES: usize = 16;

/// A call goes on with its response when so little is left of what was written before.
const BURST: usize = 256 << 10;

/// The connection of a caller. Nothing that waits on it holds up what is written.
pub struct Peer {
    reader: OwnedReadHalf,
    arrived: BytesMut,
    /// When the first byte of the frame came of which some are missing.
    begun: Option<Instant>,
    writer: OwnedWriteHalf,
    /// What is to be written.
    pub out: Arc<Outbox>,
}

/// The connection is over: closed, late, or with something on it that is no frame.
#[derive(Debug)]
pub struct Gone;

impl Peer {
    /// Takes a connection over.
    pub fn new(stream: UnixStream) -> Self {
        let (reader, writer) = stream.into_split();
        Self { reader, arrived: BytesMut::with_capacity(BUFFER), begun: None, writer, out: Arc::default() }
    }

    /// The frame that has arrived whole.
    fn whole(&mut self) -> Result<Option<(SocketFrame, Bytes)>, Gone> {
        let Some(head) = self.arrived.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
        let head = SocketFrame::decode(*head).map_err(|_| Gone)?;
        if self.arrived.len() - HEAD_BYTES < head.length {
            self.arrived.reserve(HEAD_BYTES + head.length - self.arrived.len());
            return Ok(None);
        }
        self.arrived.advance(HEAD_BYTES);
        let payload = self.arrived.split_to(head.length).freeze();
        self.begun = (!self.arrived.is_empty()).then(Instant::now);
        Ok(Some((head, payload)))
    }

    /// When the frame has to be whole of which some has arrived.
    pub fn frame_is_late(&self) -> Option<Instant> {
        self.begun.map(|begun| begun + FRAME_TIME)
    }

    /// Reads or writes once. It gives a frame where one is there, and whoever stops waiting loses nothing.
    pub async fn turn(&mut self) -> Result<Option<(SocketFrame, Bytes)>, Gone> {
        if let Some(frame) = self.whole()? {
            return Ok(Some(frame));
        }
        self.arrived.reserve(BUFFER);
        let Self { reader, arrived, writer, out, begun } = self;
        tokio::select! {
            biased;
            written = poll_fn(|cx| out.poll_write(Pin::new(&mut *writer), cx)) => written.map(|()| None),
            read = reader.read_buf(arrived) => match read {
                Ok(0) | Err(_) => Err(Gone),
                Ok(_) => {
                    begun.get_or_insert_with(Instant::now);
                    Ok(None)
                }
            },
        }
    }

    /// Writes what there is.
    pub async fn drain(&mut self) -> Result<(), Gone> {
        let Self { writer, out, .. } = self;
        while !out.is_empty() {
            poll_fn(|cx| out.poll_write(Pin::new(&mut *writer), cx)).await?;
        }
        Ok(())
    }
}

/// What is to be written to a caller. Nobody waits to put something in.
#[derive(Default)]
pub struct Outbox(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    pieces: VecDeque<Bytes>,
    bytes: usize,
    /// Since when the caller has read nothing of it.
    since: Option<Instant>,
}

impl Outbox {
    /// Puts in a document.
    pub fn tell(&self, kind: Kind, id: u64, document: &[u8]) {
        let mut bytes = Vec::with_capacity(document.len() + HEAD_BYTES);
        write_document(&mut bytes, kind, id, document);
        self.put(bytes);
    }

    /// Puts in frames, or a part of them.
    pub fn put(&self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        let mut queue = lock(&self.0);
        queue.since = queue.since.or_else(|| Some(Instant::now()));
        queue.bytes += bytes.len();
        queue.pieces.push_back(bytes);
    }

    /// Since when the caller has read nothing of what there is for it.
    pub fn stands_since(&self) -> Option<Instant> {
        lock(&self.0).since
    }

    /// Waits until little is left. Whoever writes wakes nobody: he is of the same task, and polls this next.
    pub async fn has_room(&self) {
        poll_fn(|_| if lock(&self.0).bytes < BURST { Poll::Ready(()) } else { Poll::Pending }).await
    }

    /// Whether all has been written.
    pub fn is_empty(&self) -> bool {
        lock(&self.0).bytes == 0
    }

    fn poll_write(&self, writer: Pin<&mut OwnedWriteHalf>, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let mut queue = lock(&self.0);
        if queue.bytes == 0 {
            return Poll::Pending;
        }
        let slices: Vec<_> = queue.pieces.iter().take(SLICES).map(|piece| IoSlice::new(piece)).collect();
        match writer.poll_write_vectored(cx, &slices) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_) | Ok(0)) => Poll::Ready(Err(Gone)),
            Poll::Ready(Ok(written)) => {
                queue.written(written);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl Queue {
    fn written(&mut self, mut bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.since = (self.bytes > 0).then(Instant::now);
        while let Some(first) = self.pieces.front_mut() {
            if bytes < first.len() {
                first.advance(bytes);
                return;
            }
            bytes -= first.len();
            self.pieces.pop_front();
        }
    }
}

/// Waits until then, or for ever.
pub async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => pending().await,
    }
}
