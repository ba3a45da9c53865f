//! What a caller does on one connection: it greets, then makes one call after the other.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::account::{Held, Subject};
use super::configuration::{EnvelopeOwner, OwnedService};
use super::credit::Taken;
use super::daemon::Daemon;
use super::documents::{self, CallDocument, DaemonFailure, Greeting, HeadSummary, TRANSPORT};
use super::files;
use super::frame::{Kind, PAYLOAD_BYTES, Pieces, SocketFrame};
use super::peer::{Gone, Peer};
use super::records::{Asker, Begun, Ended};
use super::rights::Rights;
use crate::engine::{Decided, Engine, Reply, RequestBody, RequestHead};
use crate::error::Sent;

/// How long PHP may take to greet.
const GREETING_TIME: Duration = Duration::from_secs(5);

/// The longest document of a call.
const CALL_BYTES: usize = 1 << 20;

/// The longest envelopes of a call together.
const SEALED_BYTES: usize = 4 << 20;

/// How long what is no call may take to be written.
const TELLING_TIME: Duration = Duration::from_secs(10);

/// What a response may take beyond its call's deadline, which PHP waits for no longer.
const LATE: Duration = Duration::from_secs(1);

/// A connection of a caller.
pub struct Session {
    daemon: Arc<Daemon>,
    peer: Peer,
    subject: Subject,
    pid: Option<i32>,
    stop: watch::Receiver<bool>,
    /// The highest id that was seen, and the highest of a call that was handed over.
    seen: u64,
    taken: u64,
}

/// A call that is allowed and waits for its body.
struct PendingCall {
    id: u64,
    service: Arc<OwnedService>,
    engine: Arc<Engine>,
    rights: Arc<Rights>,
    decided: Decided,
    deadline: Instant,
    body: Vec<u8>,
    body_bytes: usize,
    credit: Taken,
    sealed: Pieces,
    place: Held,
    memory: [Held; 2],
}

/// What comes next on a connection.
enum Next {
    Frame,
    Stop,
    Late,
}

impl Session {
    /// A session of a user on a connection.
    pub fn new(daemon: Arc<Daemon>, peer: Peer, subject: Subject, pid: Option<i32>) -> Self {
        let stop = daemon.stopping();
        Self { daemon, peer, subject, pid, stop, seen: 0, taken: 0 }
    }

    /// Serves it to its end.
    pub async fn serve(mut self) {
        if self.greet().await.is_ok() {
            // Whatever ends it, nobody is left to be told.
            let _ = self.calls().await;
        }
    }

    async fn greet(&mut self) -> Result<(), Gone> {
        let (frame, payload) = timeout(GREETING_TIME, self.peer.frame()).await.unwrap_or(Err(Gone))?;
        if frame.kind != Kind::Hello {
            return Err(Gone);
        }
        // Another version learns which one is spoken here before the connection ends.
        self.peer.tell(Kind::Hello, 0, &documents::hello(), soon()).await?;
        if Greeting::is_understood(&payload) { Ok(()) } else { Err(Gone) }
    }

    async fn calls(&mut self) -> Result<(), Gone> {
        let mut waiting: Option<PendingCall> = None;
        let mut document = Pieces::default();
        loop {
            let patience =
                waiting.as_ref().map_or_else(|| soon() + Duration::from_secs(86_400), |call| call.deadline + LATE);
            let what = tokio::select! {
                biased;
                _ = self.stop.wait_for(|stop| *stop) => Next::Stop,
                arrived = self.peer.wait() => arrived.map(|()| Next::Frame)?,
                () = tokio::time::sleep_until(patience) => Next::Late,
            };
            match what {
                Next::Frame => {}
                Next::Stop => return self.bye().await,
                // It will not be sent any more, and holds what others may want.
                Next::Late => {
                    waiting = None;
                    continue;
                }
            }
            let (frame, payload) = self.peer.frame().await?;
            if frame.kind == Kind::Call {
                document.add(&payload, CALL_BYTES).map_err(|_| Gone)?;
                if frame.last {
                    waiting = self.decide(frame.id, std::mem::take(&mut document).whole()).await?;
                }
                continue;
            }
            match waiting.take() {
                Some(mut call) if call.id == frame.id => match self.receive(&mut call, frame, payload).await? {
                    false => waiting = Some(call),
                    true => self.make(call).await?,
                },
                // What PHP had sent of a call before it learnt that it was refused, or how it ended.
                other if frame.id <= self.seen && frame.kind != Kind::Hello => waiting = other,
                _ => return Err(Gone),
            }
        }
    }

    /// Decides about a call, and tells it.
    async fn decide(&mut self, id: u64, document: Vec<u8>) -> Result<Option<PendingCall>, Gone> {
        if id <= self.seen {
            return Err(Gone);
        }
        self.seen = id;
        let read = CallDocument::parse(&document);
        let service_id = read.as_ref().ok().map(|call| call.service_id.clone());
        let decided = read.map_err(DaemonFailure::from).and_then(|call| self.decision(id, &call));
        let (head, waiting) = match decided {
            Ok((reply, waiting)) => (reply.head, waiting),
            Err(failure) => (failure.head(DaemonFailure::record(service_id.as_deref()), true), None),
        };
        if waiting.is_none() {
            let asker = self.asker(id);
            let outcome = HeadSummary::of(&head);
            self.daemon.ended(&Ended::new(asker, "refused", outcome.sent(), outcome.audit));
        }
        let timeout = waiting.as_ref().map(|call| call.deadline.saturating_duration_since(Instant::now()).as_millis());
        let owner = waiting.as_ref().map_or(EnvelopeOwner::Daemon, |call| call.service.envelopes);
        self.peer.tell(Kind::Decision, id, &documents::decision(&head, timeout, owner), soon()).await?;
        Ok(waiting)
    }

    fn decision(&self, id: u64, document: &CallDocument) -> Result<(Reply, Option<PendingCall>), DaemonFailure> {
        let rights = self.daemon.rights();
        let unknown = || DaemonFailure::unknown_service(&document.service_id);
        let caller = rights.caller(self.subject).ok_or_else(unknown)?;
        let (service, engine) = caller.service(&document.service_id).ok_or_else(unknown)?;
        let account = self.daemon.account(self.subject);
        let call = Held::call(&account, caller.limits.calls).ok_or_else(|| DaemonFailure::at_limit("calls"))?;
        let head = RequestHead { service: Some(&service.document), request: document.request.get().as_bytes() };
        let decide = || engine.decide(head, document.body_bytes, TRANSPORT);
        let (reply, decided) = caught(decide).ok_or_else(DaemonFailure::panicked)?;
        let Some(decided) = decided else { return Ok((reply, None)) };
        let (deadline, response_bytes) = decided.limits(&engine);
        let bytes = document.body_bytes.saturating_add(response_bytes);
        let held =
            |account: &_, most| Held::bytes(account, bytes, most).ok_or_else(|| DaemonFailure::at_limit("bytes"));
        let bytes = [held(&account, caller.limits.bytes)?, held(self.daemon.total(), rights.limits.bytes)?];
        let waiting = PendingCall {
            id,
            service,
            engine,
            decided,
            deadline: deadline.into(),
            body: Vec::new(),
            // The decision has compared it with the limit of a request's body, so it fits.
            body_bytes: usize::try_from(document.body_bytes).unwrap_or(usize::MAX),
            credit: Taken::default(),
            sealed: Pieces::default(),
            rights: Arc::clone(&rights),
            place: call,
            memory: bytes,
        };
        Ok((reply, Some(waiting)))
    }

    /// Takes a piece of a call. Says whether the call is whole.
    async fn receive(&mut self, call: &mut PendingCall, frame: SocketFrame, payload: Vec<u8>) -> Result<bool, Gone> {
        match frame.kind {
            Kind::Sealed if call.service.envelopes == EnvelopeOwner::Caller && call.body.is_empty() => {
                call.sealed.add(&payload, SEALED_BYTES).map_err(|_| Gone)?;
                Ok(false)
            }
            Kind::Body => {
                if call.body.len() + payload.len() > call.body_bytes {
                    return Err(Gone);
                }
                let credit = call.credit.take(payload.len()).map_err(|_| Gone)?;
                call.body.extend_from_slice(&payload);
                if let Some(more) = credit.filter(|_| !frame.last) {
                    self.peer.tell(Kind::Credit, call.id, &more.to_be_bytes(), soon()).await?;
                }
                Ok(frame.last)
            }
            _ => Err(Gone),
        }
    }

    /// Makes a call that was handed over whole, and tells how it ended.
    async fn make(&mut self, call: PendingCall) -> Result<(), Gone> {
        let PendingCall { id, service, engine, rights, decided, deadline, body, sealed, place, memory, .. } = call;
        self.taken = id;
        let asker = self.asker(id);
        let failed = |failure: DaemonFailure| failure.head(DaemonFailure::record(Some(&service.id)), false);
        let begun = self.daemon.records().write(&Begun::new(asker, &service.id));
        let begun = begun.map_err(|_| DaemonFailure::unrecorded(Sent::No));
        let (head, body) = match begun.and_then(|()| envelopes(&service, &rights, sealed)) {
            Err(failure) => (failure.head(decided.leave(), false), Vec::new()),
            Ok(sealed) => match caught(|| decided.start(&engine, RequestBody::Whole(&body), &sealed)) {
                None => (failed(DaemonFailure::panicked()), Vec::new()),
                Some(Err(refused)) => (refused.head, Vec::new()),
                Some(Ok(exchange)) => tokio::select! {
                    biased;
                    reply = caught_future(exchange.collect()) => match reply {
                        Some(reply) => (reply.head, reply.body),
                        None => (failed(DaemonFailure::panicked()), Vec::new()),
                    },
                    () = self.peer.closed() => {
                        self.daemon.ended(&Ended::cancelled(asker, &service.id));
                        return Err(Gone);
                    }
                },
            },
        };
        let outcome = HeadSummary::of(&head);
        let how = if outcome.is_failure() { "failed" } else { "response" };
        self.daemon.ended(&Ended::new(asker, how, outcome.sent(), outcome.audit));
        // Who has the response may call again at once. What is written in one go is no longer the call's, but the connection's.
        drop(place);
        let _memory = Some(memory).filter(|_| body.len() > PAYLOAD_BYTES);
        self.peer.respond(id, &head, &body, deadline.max(Instant::now()) + LATE).await
    }

    fn asker(&self, call: u64) -> Asker {
        Asker { socket: self.subject.socket, uid: self.subject.uid, pid: self.pid, call }
    }

    /// Says what was taken, and takes nothing more.
    async fn bye(&mut self) -> Result<(), Gone> {
        self.peer.tell(Kind::Bye, 0, &self.taken.to_be_bytes(), soon()).await?;
        Err(Gone)
    }
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
fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
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

fn soon() -> Instant {
    Instant::now() + TELLING_TIME
}
