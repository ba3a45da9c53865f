//! How a session decides about the calls of its caller.

use std::sync::Arc;

use tokio::time::Instant;

use super::account::Held;
use super::asking::{Asking, CallBeginning};
use super::call::{caught, refuse};
use super::configuration::EnvelopeOwner;
use super::documents::{self, CallDocument, DaemonFailure, HeadSummary, TRANSPORT};
use super::frame::{Kind, PAYLOAD_BYTES, Pieces, SocketFrame};
use super::peer::Gone;
use super::pending::{AwaitedBody, PendingCall};
use super::records::{Asker, Ended};
use super::rights::Rights;
use super::session::{Session, Stage};
use crate::engine::{DecidedLimits, RequestHead};

impl Session {
    /// Takes a part of the document of a call, and decides about the call when it is whole.
    pub(super) fn ask(&mut self, frame: SocketFrame, payload: &[u8]) -> Result<(), Gone> {
        let mut asking = self.asking.take().unwrap_or_else(|| Asking::new(frame.id));
        if asking.id != frame.id || frame.id <= self.seen {
            return Err(Gone);
        }
        asking.add(payload, frame.last, || self.reserve(super::CALL_BYTES)).map_err(|_| Gone)?;
        if !frame.last {
            self.asking = Some(asking);
            return Ok(());
        }
        self.seen = frame.id;
        // After its farewell it processes nothing that is above the id in it.
        if !self.is_stopping {
            match asking.end() {
                Ok((document, _room)) => self.decide(frame.id, &document),
                Err(beginning) => self.fail(frame.id, &beginning, &DaemonFailure::at_limit("bytes")),
            }
        }
        Ok(())
    }

    /// Room for what does not fit into one frame, beside the calls' own.
    pub(super) fn reserve(&self, bytes: usize) -> Option<[Held; 2]> {
        self.hold(&self.daemon.rights(), bytes as u64)
    }

    /// Ends a call that waits, because there is no room for its envelopes.
    pub(super) fn crowd_out(&mut self, id: u64) {
        if let Some(Stage::Waiting(call)) = self.calls.remove(&id) {
            let PendingCall { asker, form, decided, .. } = *call;
            let head = DaemonFailure::at_limit("bytes").head(decided.leave(), false);
            self.note_refusal(asker, &head);
            refuse(&self.peer.out, id, form, &head);
        }
    }

    /// Bytes of this caller's and of all callers' together, where neither has too many.
    fn hold(&self, rights: &Rights, bytes: u64) -> Option<[Held; 2]> {
        let most = rights.caller(self.subject)?.limits.bytes;
        let own = Held::bytes(&self.daemon.account(self.subject), bytes, most)?;
        Some([own, Held::bytes(self.daemon.total(), bytes, rights.limits.bytes)?])
    }

    fn asker(&self, call: u64) -> Asker {
        Asker { socket: self.subject.socket, uid: self.subject.uid, pid: self.pid, call }
    }

    /// Decides about a call, and tells it.
    fn decide(&mut self, id: u64, document: &[u8]) {
        self.daemon.beat();
        let read = CallDocument::parse(document);
        let beginning = read.as_ref().map_or_else(|_| CallBeginning::default(), CallBeginning::from);
        let decided =
            read.map_err(DaemonFailure::from).and_then(|call| self.decision(self.asker(id), &call, document.len()));
        match decided {
            Ok((head, Some(waiting))) => {
                let left = |time: Instant| time.saturating_duration_since(Instant::now()).as_millis();
                let times = [left(waiting.deadline), left(waiting.total)];
                if beginning.known_timeout_ms.is_none_or(|known| u128::from(known) < times[0]) {
                    let decision = documents::decision(&head, Some(times), waiting.service.envelopes);
                    self.peer.out.tell(Kind::Decision, id, &decision);
                }
                self.calls.insert(id, Stage::Waiting(Box::new(waiting)));
            }
            Ok((head, None)) => self.refuse(id, &beginning, &head),
            Err(failure) => self.fail(id, &beginning, &failure),
        }
    }

    /// Tells that the daemon itself does not make a call.
    fn fail(&self, id: u64, beginning: &CallBeginning, failure: &DaemonFailure) {
        let record = DaemonFailure::record(beginning.service_id.as_deref());
        self.refuse(id, beginning, &failure.head(record, beginning.known_timeout_ms.is_none()));
    }

    /// Tells that a call is not allowed, in the form in which its caller expects it.
    fn refuse(&self, id: u64, beginning: &CallBeginning, head: &[u8]) {
        self.note_refusal(self.asker(id), head);
        match beginning.known_timeout_ms {
            None => self.peer.out.tell(Kind::Decision, id, &documents::decision(head, None, EnvelopeOwner::Daemon)),
            Some(_) => refuse(&self.peer.out, id, beginning.response, head),
        }
    }

    fn note_refusal(&self, asker: Asker, head: &[u8]) {
        let outcome = HeadSummary::of(head);
        self.daemon.ended(&Ended::new(asker, "refused", outcome.sent(), outcome.audit));
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
}
