//! What a caller does on one connection: it greets, then makes calls beside each other.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::account::{Held, Subject};
use super::call::{Work, caught, refuse};
use super::configuration::EnvelopeOwner;
use super::daemon::Daemon;
use super::documents::{self, CallDocument, DaemonFailure, Greeting, HeadSummary, ResponseForm, TRANSPORT};
use super::frame::{Kind, PAYLOAD_BYTES, Pieces, SocketFrame};
use super::peer::{Gone, Peer, until};
use super::pending::{AwaitedBody, PendingCall, SEALED_BYTES};
use super::records::{Asker, Ended};
use super::rights::Rights;
use super::running::Running;
use crate::engine::{DecidedLimits, RequestHead};

/// How long PHP may take to greet.
const GREETING_TIME: Duration = Duration::from_secs(5);

/// The longest document of a call.
pub const CALL_BYTES: usize = 1 << 20;

/// How long a caller may read nothing of what there is for it, where it has no response that it may read at its leisure.
const STANDING_TIME: Duration = Duration::from_secs(10);

/// What a call may wait beyond its deadline, which PHP waits for no longer.
pub const LATE: Duration = Duration::from_secs(1);

/// A connection of a caller.
pub struct Session {
    daemon: Arc<Daemon>,
    peer: Peer,
    subject: Subject,
    pid: Option<i32>,
    stop: watch::Receiver<bool>,
    is_stopping: bool,
    /// The highest id that was seen, and the highest of a call that was handed over.
    seen: u64,
    taken: u64,
    /// The call of which a part of its document is there.
    document: Option<(u64, Pieces, Option<[Held; 2]>)>,
    calls: HashMap<u64, Stage>,
    works: Vec<Work>,
}

/// How far a call is.
enum Stage {
    Waiting(Box<PendingCall>),
    Running(Arc<Running>),
}

/// What comes next on a connection.
enum Next {
    Frame(SocketFrame, Bytes),
    Turn,
    Ended(u64),
    Stop,
    Late,
}

impl Session {
    /// A session of a user on a connection.
    pub fn new(daemon: Arc<Daemon>, peer: Peer, subject: Subject, pid: Option<i32>) -> Self {
        let stop = daemon.stopping();
        let (calls, works) = (HashMap::new(), Vec::new());
        Self { daemon, peer, subject, pid, stop, is_stopping: false, seen: 0, taken: 0, document: None, calls, works }
    }

    /// Serves it to its end.
    pub async fn serve(mut self) {
        if self.greet().await.is_ok() {
            // Whatever ends it, nobody is left to be told.
            let _ = self.calls().await;
        }
    }

    async fn greet(&mut self) -> Result<(), Gone> {
        let greeting = async {
            loop {
                if let Some(frame) = self.peer.turn().await? {
                    return Ok(frame);
                }
            }
        };
        let (frame, payload) = timeout(GREETING_TIME, greeting).await.unwrap_or(Err(Gone))?;
        if frame.kind != Kind::Hello {
            return Err(Gone);
        }
        // Another version learns which one is spoken here before the connection ends.
        self.peer.out.tell(Kind::Hello, 0, &documents::hello());
        if Greeting::is_understood(&payload) {
            return Ok(());
        }
        let _ = timeout(STANDING_TIME, self.peer.drain()).await;
        Err(Gone)
    }

    async fn calls(&mut self) -> Result<(), Gone> {
        loop {
            match self.next().await? {
                Next::Frame(frame, payload) => self.take(frame, &payload)?,
                Next::Turn => {}
                Next::Ended(id) => _ = self.calls.remove(&id),
                Next::Stop => self.bye(),
                Next::Late => self.late()?,
            }
            if self.is_stopping && self.calls.is_empty() && self.peer.out.is_empty() {
                return Ok(());
            }
        }
    }

    async fn next(&mut self) -> Result<Next, Gone> {
        let patience = self.patience();
        let Self { peer, stop, works, is_stopping, .. } = self;
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop), if !*is_stopping => Ok(Next::Stop),
            id = ended(works) => Ok(Next::Ended(id)),
            turn = peer.turn() => Ok(turn?.map_or(Next::Turn, |(frame, payload)| Next::Frame(frame, payload))),
            () = until(patience) => Ok(Next::Late),
        }
    }

    /// When something is over that has not come: a call that will not be sent any more holds what others may want.
    fn patience(&self) -> Option<Instant> {
        let waiting = self.calls.values().filter_map(|stage| match stage {
            Stage::Waiting(call) => Some(call.deadline + LATE),
            Stage::Running(_) => None,
        });
        waiting.chain(self.peer.frame_is_late()).chain(self.stands_too_long()).min()
    }

    fn stands_too_long(&self) -> Option<Instant> {
        let is_at_leisure = |stage: &Stage| matches!(stage, Stage::Running(call) if call.is_read_at_leisure());
        let since = self.peer.out.stands_since()?;
        (!self.calls.values().any(is_at_leisure)).then(|| since + STANDING_TIME)
    }

    fn late(&mut self) -> Result<(), Gone> {
        let now = Instant::now();
        if self.peer.frame_is_late().into_iter().chain(self.stands_too_long()).any(|time| time <= now) {
            return Err(Gone);
        }
        self.calls.retain(|_, stage| !matches!(stage, Stage::Waiting(call) if call.deadline + LATE <= now));
        Ok(())
    }

    fn take(&mut self, frame: SocketFrame, payload: &[u8]) -> Result<(), Gone> {
        let waits_for_room = |stage: &Stage| matches!(stage, Stage::Waiting(call) if call.needs_room(frame));
        let room = match self.calls.get(&frame.id).is_some_and(waits_for_room) {
            true => Some(self.reserve(SEALED_BYTES)?),
            false => None,
        };
        match (frame.kind, self.calls.entry(frame.id)) {
            (Kind::Call, Entry::Vacant(_)) => self.ask(frame, payload),
            (Kind::Sealed | Kind::Body, Entry::Occupied(mut entry)) => {
                let call = match entry.get_mut() {
                    Stage::Waiting(call) => call,
                    Stage::Running(call) if frame.kind == Kind::Body => {
                        return call.arrive(payload, frame.last).map_err(|_| Gone);
                    }
                    Stage::Running(_) => return Err(Gone),
                };
                call.room = call.room.take().or(room);
                if !call.receive(frame, payload, &self.peer)? {
                    return Ok(());
                }
                self.taken = self.taken.max(frame.id);
                if let Stage::Waiting(call) = entry.remove() {
                    let is_arriving = matches!(call.body, AwaitedBody::Pieces { .. });
                    let (running, work) = call.make(&self.daemon, &self.peer.out);
                    if is_arriving {
                        running.arrive(payload, frame.last).map_err(|_| Gone)?;
                    }
                    self.calls.insert(frame.id, Stage::Running(running));
                    self.works.push(work);
                }
                Ok(())
            }
            (Kind::Credit, Entry::Occupied(entry)) => match (entry.get(), payload.first_chunk()) {
                (Stage::Running(call), Some(given)) => call.give(u32::from_be_bytes(*given)).map_err(|_| Gone),
                _ => Err(Gone),
            },
            (Kind::Cancel, Entry::Occupied(entry)) => {
                match entry.get() {
                    Stage::Waiting(_) => _ = entry.remove(),
                    Stage::Running(call) if payload == [2] && call.break_off() => {}
                    Stage::Running(call) => call.stop(payload == [1]),
                }
                Ok(())
            }
            // What PHP had sent of a call before it learnt that it was refused, or how it ended.
            (Kind::Sealed | Kind::Body | Kind::Credit | Kind::Cancel, Entry::Vacant(_)) if frame.id <= self.seen => {
                Ok(())
            }
            _ => Err(Gone),
        }
    }

    /// Takes a part of the document of a call, and decides about the call when it is whole.
    fn ask(&mut self, frame: SocketFrame, payload: &[u8]) -> Result<(), Gone> {
        let (id, mut document, mut room) = self.document.take().unwrap_or((frame.id, Pieces::default(), None));
        if id != frame.id || id <= self.seen {
            return Err(Gone);
        }
        document.add(payload, CALL_BYTES).map_err(|_| Gone)?;
        if !frame.last {
            if room.is_none() {
                room = Some(self.reserve(CALL_BYTES)?);
            }
            self.document = Some((id, document, room));
        } else {
            self.seen = id;
            // After its farewell it processes nothing that is above the id in it.
            if !self.is_stopping {
                self.decide(id, &document.whole());
            }
        }
        Ok(())
    }

    /// Room for what does not fit into one frame, beside the calls' own.
    fn reserve(&self, bytes: usize) -> Result<[Held; 2], Gone> {
        self.hold(&self.daemon.rights(), bytes as u64).ok_or(Gone)
    }

    /// Bytes of this caller's and of all callers' together, where neither has too many.
    fn hold(&self, rights: &Rights, bytes: u64) -> Option<[Held; 2]> {
        let most = rights.caller(self.subject)?.limits.bytes;
        let own = Held::bytes(&self.daemon.account(self.subject), bytes, most)?;
        Some([own, Held::bytes(self.daemon.total(), bytes, rights.limits.bytes)?])
    }

    /// Decides about a call, and tells it.
    fn decide(&mut self, id: u64, document: &[u8]) {
        let asker = Asker { socket: self.subject.socket, uid: self.subject.uid, pid: self.pid, call: id };
        let read = CallDocument::parse(document);
        let (service_id, form, known) = match &read {
            Ok(call) => (Some(call.service_id.clone()), call.response, call.known_timeout_ms.map(u128::from)),
            Err(_) => (None, ResponseForm::Once, None),
        };
        let decided = read.map_err(DaemonFailure::from).and_then(|call| self.decision(asker, &call, document.len()));
        let (head, waiting) = match decided {
            Ok(decided) => decided,
            Err(failure) => (failure.head(DaemonFailure::record(service_id.as_deref()), known.is_none()), None),
        };
        let Some(waiting) = waiting else {
            let outcome = HeadSummary::of(&head);
            self.daemon.ended(&Ended::new(asker, "refused", outcome.sent(), outcome.audit));
            match known {
                None => {
                    self.peer.out.tell(Kind::Decision, id, &documents::decision(&head, None, EnvelopeOwner::Daemon))
                }
                Some(_) => refuse(&self.peer.out, id, form, &head),
            }
            return;
        };
        let left = |time: Instant| time.saturating_duration_since(Instant::now()).as_millis();
        let times = [left(waiting.deadline), left(waiting.total)];
        if known.is_none_or(|known| known < times[0]) {
            let decision = documents::decision(&head, Some(times), waiting.service.envelopes);
            self.peer.out.tell(Kind::Decision, id, &decision);
        }
        self.calls.insert(id, Stage::Waiting(Box::new(waiting)));
    }

    fn decision(
        &self,
        asker: Asker,
        document: &CallDocument,
        length: usize,
    ) -> Result<(Vec<u8>, Option<PendingCall>), DaemonFailure> {
        let rights = self.daemon.rights();
        let unknown = || DaemonFailure::unknown_service(&document.service_id);
        let caller = rights.caller(self.subject).ok_or_else(unknown)?;
        let (service, engine) = caller.service(&document.service_id).ok_or_else(unknown)?;
        let place = Held::call(&self.daemon.account(self.subject), caller.limits.calls);
        let place = place.ok_or_else(|| DaemonFailure::at_limit("calls"))?;
        let head = RequestHead { service: Some(&service.document), request: document.request.get().as_bytes() };
        let decide = || engine.decide(head, document.body_bytes.unwrap_or_default(), TRANSPORT);
        let (reply, decided) = caught(decide).ok_or_else(DaemonFailure::panicked)?;
        let Some(decided) = decided else { return Ok((reply.head, None)) };
        let DecidedLimits { deadline, total, response_bytes } = decided.limits(&engine);
        let long = if length > PAYLOAD_BYTES { length as u64 } else { 0 };
        let bytes = document.held_bytes(response_bytes).saturating_add(long);
        let memory = self.hold(&rights, bytes).ok_or_else(|| DaemonFailure::at_limit("bytes"))?;
        let waiting = PendingCall {
            asker,
            service,
            engine,
            decided,
            deadline: deadline.into(),
            total: total.into(),
            form: document.response,
            body: AwaitedBody::of(document),
            sealed: Pieces::default(),
            room: None,
            rights: Arc::clone(&rights),
            place,
            memory,
        };
        Ok((reply.head, Some(waiting)))
    }

    /// Says what was taken, and takes nothing more.
    fn bye(&mut self) {
        self.is_stopping = true;
        self.calls.retain(|_, stage| matches!(stage, Stage::Running(_)));
        self.peer.out.tell(Kind::Bye, 0, &self.taken.to_be_bytes());
    }
}

/// Goes on with all works, and gives the id of one that has come to its end.
async fn ended(works: &mut Vec<Work>) -> u64 {
    poll_fn(|cx| {
        for at in 0..works.len() {
            if let Some(work) = works.get_mut(at)
                && let Poll::Ready(id) = work.as_mut().poll(cx)
            {
                drop(works.swap_remove(at));
                return Poll::Ready(id);
            }
        }
        Poll::Pending
    })
    .await
}
