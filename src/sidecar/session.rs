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

use super::account::Subject;
use super::asking::Asking;
use super::call::Work;
use super::daemon::Daemon;
use super::documents::{self, Greeting};
use super::frame::{Kind, SocketFrame};
use super::peer::{Gone, Peer, until};
use super::pending::{AwaitedBody, PendingCall, SEALED_BYTES};
use super::running::Running;

/// How long PHP may take to greet.
const GREETING_TIME: Duration = Duration::from_secs(5);

/// How long a caller may read nothing of what there is for it, where it has no response that it may read at its leisure.
const STANDING_TIME: Duration = Duration::from_secs(10);

/// What a call may wait beyond its deadline, which PHP waits for no longer.
pub const LATE: Duration = Duration::from_secs(1);

/// A connection of a caller.
pub struct Session {
    pub(super) daemon: Arc<Daemon>,
    pub(super) peer: Peer,
    pub(super) subject: Subject,
    pub(super) pid: Option<i32>,
    stop: watch::Receiver<bool>,
    pub(super) is_stopping: bool,
    /// The highest id that was seen, and the highest of a call that was handed over.
    pub(super) seen: u64,
    taken: u64,
    /// The call of which a part of its document is there.
    pub(super) asking: Option<Asking>,
    pub(super) calls: HashMap<u64, Stage>,
    works: Vec<Work>,
}

/// How far a call is.
pub(super) enum Stage {
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
        Self { daemon, peer, subject, pid, stop, is_stopping: false, seen: 0, taken: 0, asking: None, calls, works }
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
            true => match self.reserve(SEALED_BYTES) {
                Some(room) => Some(room),
                None => {
                    self.crowd_out(frame.id);
                    return Ok(());
                }
            },
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
