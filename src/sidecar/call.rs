//! A call of a caller: decided about, handed over, made, and told.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;

use super::account::Held;
use super::configuration::{EnvelopeOwner, OwnedService};
use super::daemon::Daemon;
use super::documents::{DaemonFailure, HeadSummary, ResponseForm};
use super::files;
use super::frame::{Kind, PAYLOAD_BYTES, Pieces, SocketFrame, write_document, write_piece};
use super::peer::Outbox;
use super::pending::{AwaitedBody, PendingCall};
use super::records::{Asker, Begun, Ended};
use super::rights::Rights;
use super::running::Running;
use crate::engine::{Delivery, Exchange, Ongoing, Piece};
use crate::error::Sent;
use crate::sys::Buffer;

/// The work of a call, which gives its id at its end.
pub type Work = Pin<Box<dyn Future<Output = u64> + Send>>;

impl PendingCall {
    /// Has the call made, which was handed over.
    pub fn make(self, daemon: &Arc<Daemon>, out: &Arc<Outbox>) -> (Arc<Running>, Work) {
        let Self { asker, service, engine, rights, decided, form, body, sealed, place, memory, .. } = self;
        let call = Making {
            daemon: Arc::clone(daemon),
            out: Arc::clone(out),
            asker,
            service: Arc::clone(&service),
            place: Some(place),
            _memory: memory,
        };
        let begun = daemon.records().write(&Begun::new(asker, &service.id));
        let begun = begun.map_err(|_| DaemonFailure::unrecorded(Sent::No));
        let is_arriving = matches!(body, AwaitedBody::Pieces { .. });
        let refused = match begun.and_then(|()| envelopes(&service, &rights, sealed)) {
            Err(failure) => failure.head(decided.leave(), false),
            Ok(sealed) => match caught(|| decided.start(&engine, body.as_request(), &sealed)) {
                None => panicked(&service.id),
                Some(Err(refused)) => refused.head,
                Some(Ok(exchange)) => {
                    drop(body);
                    let delivery = match form {
                        ResponseForm::Once => {
                            let running = Arc::<Running>::default();
                            let work = call.send(exchange, Arc::clone(&running));
                            return (running, Box::pin(work));
                        }
                        ResponseForm::Whole => Delivery::Whole { idle: None },
                        ResponseForm::Pieces => Delivery::InPieces { idle: None },
                    };
                    let (ongoing, task) = exchange.begin(delivery);
                    tokio::spawn(task);
                    let ongoing = Arc::new(ongoing);
                    let running = Arc::new(Running::of(Arc::clone(&ongoing), is_arriving));
                    let work = call.pass(ongoing, Arc::clone(&running));
                    return (running, Box::pin(work));
                }
            },
        };
        (Arc::new(Running::refused(is_arriving)), Box::pin(call.refuse(form, refused)))
    }
}

/// A call that is made. Where it is dropped before its end, its caller has gone.
struct Making {
    daemon: Arc<Daemon>,
    out: Arc<Outbox>,
    asker: Asker,
    service: Arc<OwnedService>,
    /// Whoever has the response may call again at once, so it is given back before.
    place: Option<Held>,
    _memory: [Held; 2],
}

impl Drop for Making {
    fn drop(&mut self) {
        if self.place.is_some() {
            self.daemon.ended(&Ended::cancelled(self.asker, &self.service.id));
        }
    }
}

impl Making {
    fn ended(&mut self, outcome: &'static str, head: &HeadSummary<'_>) {
        self.daemon.ended(&Ended::new(self.asker, outcome, head.sent(), head.audit));
        self.place = None;
    }

    async fn refuse(mut self, form: ResponseForm, head: Vec<u8>) -> u64 {
        self.ended("failed", &HeadSummary::of(&head));
        refuse(&self.out, self.asker.call, form, &head);
        self.asker.call
    }

    /// A call whose response is told when it is whole.
    async fn send(mut self, exchange: Exchange, running: Arc<Running>) -> u64 {
        let id = self.asker.call;
        let reply = tokio::select! {
            biased;
            reply = caught_future(exchange.collect()) => reply,
            () = running.stopped() => return id,
        };
        let (head, body) = match reply {
            Some(reply) => (reply.head, reply.body),
            None => (panicked(&self.service.id), Buffer::default()),
        };
        let summary = HeadSummary::of(&head);
        self.ended(if summary.is_failure() { "failed" } else { "response" }, &summary);
        if body.len() <= PAYLOAD_BYTES {
            told(&self.out, id, &head, &body);
            return id;
        }
        self.out.tell(Kind::Response, id, &head);
        tokio::select! {
            () = self.pour(body, &running, true) => {}
            () = running.stopped() => {}
        }
        id
    }

    /// A call whose response is told as it comes, or can be cancelled; its request's body goes on meanwhile.
    async fn pass(self, ongoing: Arc<Ongoing>, running: Arc<Running>) -> u64 {
        let (id, out) = (self.asker.call, Arc::clone(&self.out));
        let mut passed = pin!(self.respond(ongoing, Arc::clone(&running)));
        tokio::select! {
            biased;
            () = running.feed(id, &out) => passed.await,
            id = &mut passed => id,
        }
    }

    async fn respond(mut self, ongoing: Arc<Ongoing>, running: Arc<Running>) -> u64 {
        let id = self.asker.call;
        let [mut is_told, mut is_cut, mut is_whole] = [false; 3];
        let failure = loop {
            ongoing.responds().await;
            if let Some(head) = ongoing.head().filter(|head| head.ok && !is_told) {
                self.out.tell(Kind::Response, id, &head.head);
                is_told = true;
            }
            match ongoing.read(usize::MAX) {
                Piece::Nothing => {}
                Piece::Bytes(bytes) => tokio::select! {
                    () = self.pour(bytes, &running, false) => {}
                    // What is left is dropped: its reader wants no more.
                    () = running.stopped() => is_cut = true,
                },
                Piece::End => {
                    is_whole = !is_cut;
                    break None;
                }
                Piece::Failed(reply) => break Some(reply.head),
            }
        };
        let record = ongoing.end().await.map(|record| record.head);
        let head = failure.or(record).unwrap_or_default();
        let summary = HeadSummary::of(&head);
        let outcome = match (summary.is_failure(), running.is_stopped()) {
            (false, _) => "response",
            (true, true) => "cancelled",
            (true, false) => "failed",
        };
        self.ended(outcome, &summary);
        let mut bytes = Vec::with_capacity(head.len() + 64);
        if is_whole {
            write_piece(&mut bytes, Kind::Body, id, &[], true);
        }
        write_document(&mut bytes, Kind::End, id, &head);
        self.out.put(bytes);
        id
    }

    /// Hands a body over, as credit comes.
    async fn pour(&self, body: Buffer, running: &Running, ends: bool) {
        let mut rest = Bytes::from_owner(body);
        while !rest.is_empty() {
            self.out.has_room().await;
            let piece = rest.split_to(running.take(rest.len().min(PAYLOAD_BYTES)).await);
            let last = ends && rest.is_empty();
            let head = SocketFrame { kind: Kind::Body, last, length: piece.len(), id: self.asker.call };
            self.out.put(head.encode().to_vec());
            self.out.put(piece);
        }
        if ends {
            // What is left by then is the connection's own.
            self.out.has_room().await;
        }
    }
}

/// Tells a call that is not made, in the form in which its end is expected.
pub fn refuse(out: &Outbox, id: u64, form: ResponseForm, head: &[u8]) {
    match form {
        ResponseForm::Once => told(out, id, head, &[]),
        ResponseForm::Whole | ResponseForm::Pieces => out.tell(Kind::End, id, head),
    }
}

/// Puts in a whole response, or a failure, that is short.
fn told(out: &Outbox, id: u64, head: &[u8], body: &[u8]) {
    let mut bytes = Vec::with_capacity(head.len() + body.len() + 64);
    write_document(&mut bytes, Kind::Response, id, head);
    write_piece(&mut bytes, Kind::Body, id, body, true);
    out.put(bytes);
}

fn panicked(service: &str) -> Vec<u8> {
    DaemonFailure::panicked().head(DaemonFailure::record(Some(service)), false)
}

/// The envelopes of a call, in the form that the engine takes.
fn envelopes(service: &OwnedService, rights: &Rights, sealed: Pieces) -> Result<Vec<u8>, DaemonFailure> {
    if service.envelopes == EnvelopeOwner::Caller {
        return Ok(sealed.whole());
    }
    let read = |identifier: &String| files::envelope(rights.envelopes.as_deref(), identifier);
    let mut read = service.identifiers.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if let [one] = read.as_mut_slice() {
        return Ok(std::mem::take(one));
    }
    let texts: Vec<_> = read.iter().map(|envelope| String::from_utf8_lossy(envelope)).collect();
    if texts.is_empty() { Ok(Vec::new()) } else { Ok(serde_json::to_vec(&texts).unwrap_or_default()) }
}

/// What work gives, or nothing where it panics: the payload can hold anything, and is left where it is.
pub fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(std::mem::forget).ok()
}

async fn caught_future<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|context| match caught(|| work.as_mut().poll(context)) {
        Some(Poll::Pending) => Poll::Pending,
        Some(Poll::Ready(outcome)) => Poll::Ready(Some(outcome)),
        None => Poll::Ready(None),
    })
    .await
}
