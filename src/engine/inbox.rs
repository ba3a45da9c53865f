//! What has come of an exchange that goes on, until its host takes it.

use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use super::reply::{Reply, document, failure_head};
use crate::audit::Recorder;
use crate::document::{RecordHead, StreamHead};
use crate::error::{Code, Error};
use crate::net::{IdleLimit, Taker, Upload, WAITING};
use crate::sys::{Buffer, lock};

/// Shared by the task of an exchange and its host.
pub struct Inbox {
    state: Mutex<State>,
    cancelled: Notify,
    idle: Arc<IdleLimit>,
    /// The request's body, where it comes in pieces.
    upload: Option<Arc<Upload>>,
    /// Whether the host wants the response as a whole.
    whole: bool,
}

#[derive(Default)]
struct State {
    head: Option<Vec<u8>>,
    head_told: bool,
    bytes: Buffer,
    end: Option<End>,
    cancel: Option<Code>,
    host: Option<Waker>,
    task: Option<Waker>,
}

struct End {
    /// The failure, as a document.
    failure: Option<Vec<u8>>,
    /// The record, as a document.
    record: Vec<u8>,
}

/// What a host can do with an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// It can take something: the head, bytes, the end or the failure.
    pub response: bool,
    /// There is room for the rest of what it wanted to write, or no more is wanted.
    pub room: bool,
}

/// What there is of a body.
pub enum Piece {
    /// Nothing yet.
    Nothing,
    /// The next bytes.
    Bytes(Buffer),
    /// All of it has been given.
    End,
    /// The call has failed, and all is given that came before.
    Failed(Reply),
}

impl Inbox {
    /// An empty one.
    pub(super) fn new(idle: Arc<IdleLimit>, upload: Option<Arc<Upload>>, whole: bool) -> Self {
        Self { state: Mutex::default(), cancelled: Notify::new(), idle, upload, whole }
    }

    /// How long nothing may come, and whether anybody waits for it.
    pub(super) fn idle(&self) -> &Arc<IdleLimit> {
        &self.idle
    }

    /// The request's body, where it comes in pieces.
    pub(super) fn upload(&self) -> Option<&Arc<Upload>> {
        self.upload.as_ref()
    }

    /// The head's document, or the failure's; nothing where neither is there.
    pub(super) fn head(&self) -> Option<Reply> {
        let mut state = self.state();
        if self.whole && state.end.is_none() {
            return None;
        }
        match (&state.head, &state.end) {
            (Some(head), _) => {
                let reply = reply(true, head);
                state.head_told = true;
                Some(reply)
            }
            (None, Some(End { failure: Some(failure), .. })) => Some(reply(false, failure)),
            (None, _) => None,
        }
    }

    /// The next bytes of the body, at most so many.
    pub(super) fn read(&self, max: usize) -> Piece {
        let mut state = self.state();
        if state.bytes.is_empty() || self.whole && state.end.is_none() {
            return match &state.end {
                None => Piece::Nothing,
                Some(End { failure: None, .. }) => Piece::End,
                Some(End { failure: Some(failure), .. }) => Piece::Failed(reply(false, failure)),
            };
        }
        let bytes = state.bytes.take_front(max);
        // Who has bytes has no more to learn of the head by waiting.
        state.head_told = true;
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        Piece::Bytes(bytes)
    }

    /// Has the exchange end with this code, if it has not ended yet.
    pub(super) fn cancel(&self, code: Code) {
        self.state().cancel.get_or_insert(code);
        self.cancelled.notify_one();
    }

    /// The record's document, once the call has ended.
    pub(super) fn record(&self) -> Option<Reply> {
        self.state().end.as_ref().map(|end| reply(end.failure.is_none(), &end.record))
    }

    /// What there is that the host has not taken, and whether it can go on with the request's body. The next change of either
    /// wakes the host.
    fn poll_ready(&self, cx: &mut Context<'_>) -> Ready {
        Ready {
            response: self.poll_response(cx).is_ready(),
            room: self.upload.as_ref().is_some_and(|upload| upload.poll_room(cx).is_ready()),
        }
    }

    /// The same of what it can take alone.
    pub(super) fn poll_response(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        let piece = !self.whole && (state.head.is_some() && !state.head_told || !state.bytes.is_empty());
        if state.end.is_some() || piece {
            return Poll::Ready(());
        }
        state.host = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The same of the end alone.
    pub(super) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if state.end.is_some() {
            return Poll::Ready(());
        }
        state.host = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits until a connection has come to what makes the request's body unfit to be sent.
    pub(super) async fn upload_failed(&self) -> Error {
        match &self.upload {
            Some(upload) => upload.failed().await,
            None => pending().await,
        }
    }

    /// Waits until the host has cancelled the call.
    pub(super) async fn cancelled(&self) -> Code {
        loop {
            if let Some(code) = self.state().cancel {
                return code;
            }
            self.cancelled.notified().await;
        }
    }

    /// Notes the head, and what is there of the body.
    pub(super) fn came(&self, head: &StreamHead, body: Buffer) {
        self.change(|state| {
            state.head = Some(document(true, head).head);
            state.bytes = body;
        });
    }

    /// Notes how the call ended, once.
    pub(super) fn end(&self, error: Option<&Error>, idempotent: bool, recorder: Recorder) {
        let audit = recorder.end();
        let failure = error.map(|error| failure_head(error, idempotent, audit.clone()));
        let record = document(true, &RecordHead::new(audit, error)).head;
        self.change(|state| {
            state.end.get_or_insert(End { failure, record });
        });
        if let Some(upload) = &self.upload {
            upload.close();
        }
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.state().end.is_some()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let host = state.host.take();
        drop(state);
        if let Some(host) = host {
            host.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// Fills an inbox with a body.
pub(super) struct Filling<'a>(pub(super) &'a Inbox);

impl Taker for Filling<'_> {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut state = self.0.state();
        let room = (WAITING as usize).saturating_sub(state.bytes.len());
        self.0.idle.blocked(room == 0);
        if room > 0 {
            return Poll::Ready(room);
        }
        state.task = Some(cx.waker().clone());
        Poll::Pending
    }

    fn take(&mut self, bytes: &[u8]) {
        self.0.change(|state| state.bytes.extend_from_slice(bytes));
    }
}

fn reply(ok: bool, head: &[u8]) -> Reply {
    Reply { ok, head: head.to_vec(), body: Buffer::default() }
}

/// Waits until one of these has something, and says which have.
pub(super) async fn ready(inboxes: &[&Inbox]) -> Vec<Ready> {
    poll_fn(|cx| {
        let ready: Vec<_> = inboxes.iter().map(|inbox| inbox.poll_ready(cx)).collect();
        if ready.iter().any(|ready| ready.response || ready.room) { Poll::Ready(ready) } else { Poll::Pending }
    })
    .await
}
