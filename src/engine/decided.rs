//! A call that was decided about, and waits for its body and its envelopes.

use std::sync::Arc;
use std::time::Instant;

use super::breaker::{self, Breaker};
use super::budget::Budget;
use super::call::RequestBody;
use super::decide::{ReadRequest, RequestHead, decide, read};
use super::exchange::Exchange;
use super::reply::{Reply, document, failure};
use super::state::Engine;
use super::unseal::split;
use crate::audit::Recorder;
use crate::document::{AuditRecord, DecisionHead};
use crate::error::{Code, Error};
use crate::policy::{Decision, Policy, Target};

/// An allowed call. Nothing was opened or counted for it, and dropping it ends it there. Its time runs.
pub struct Decided {
    request: ReadRequest,
    decision: Decision,
    recorder: Recorder,
    body_bytes: u64,
}

/// What a call may take.
pub struct DecidedLimits {
    /// When it ends; of a response that is read in pieces, when the first byte of its body has to be there.
    pub deadline: Instant,
    /// When a response has to have ended that is read in pieces.
    pub total: Instant,
    /// How long the response's body may be.
    pub response_bytes: u64,
}

impl Engine {
    /// Decides about a request with a body of this size, which comes by this `transport`: the decision as a document, and the
    /// call where it is allowed.
    pub fn decide(&self, head: RequestHead<'_>, body_bytes: u64, transport: &'static str) -> (Reply, Option<Decided>) {
        let mut recorder = Recorder::begin(transport);
        match self.decision(head, body_bytes, &mut recorder) {
            Ok((request, decision)) => {
                let target = &decision.admitted.target;
                let origin = (target.origin().host.to_string(), target.origin().port);
                let url = target.text(target.query());
                let versions = self.versions_for(&decision.policy, target);
                let template = decision.admitted.path_template.clone();
                let allowed = DecisionHead::allowed(decision.method.to_string(), url, origin, template, versions);
                let decided = Decided { request, decision, recorder, body_bytes };
                (document(true, &allowed), Some(decided))
            }
            Err(error) => (document(false, &DecisionHead::refused(&error, recorder.end())), None),
        }
    }

    /// The versions of HTTP by which a request to this target may go.
    fn versions_for(&self, policy: &Policy, target: &Target) -> Vec<&'static str> {
        let tries_http3 = policy.http3().is_some() && self.settings.network.may_speak_http3(target);
        let http3 = tries_http3.then_some("3");
        http3.into_iter().chain(policy.versions().names()).collect()
    }

    fn decision(
        &self,
        head: RequestHead<'_>,
        body_bytes: u64,
        recorder: &mut Recorder,
    ) -> Result<(ReadRequest, Decision), Error> {
        let request = read(self, head)?;
        recorder.request(&request.service.head, &request.call);
        let decision = decide(self, &request, body_bytes, recorder)?;
        match self.breakers.is_open(Breaker::of(&request.service.head).as_ref(), Instant::now()) {
            true => Err(breaker::refusal()),
            false => Ok((request, decision)),
        }
    }
}

impl Decided {
    /// What it may take on this engine.
    pub fn limits(&self, engine: &Engine) -> DecidedLimits {
        let ReadRequest { service, call } = &self.request;
        let budget = Budget::of(engine, &service.head, call, self.recorder.begun());
        DecidedLimits {
            deadline: budget.deadline.into_std(),
            total: budget.total.into_std(),
            response_bytes: budget.response_bytes.bytes,
        }
    }

    /// The record of a call that its host does not make.
    pub fn leave(self) -> AuditRecord {
        self.recorder.end()
    }

    /// Starts the call on the engine that decided about it, with its body, which is as long as it was said to be, and its
    /// envelopes. What may have changed since is judged again: circuit, keys, bindings.
    pub fn start(self, engine: &Arc<Engine>, body: RequestBody<'_>, sealed: &[u8]) -> Result<Exchange, Reply> {
        let Self { request, decision, recorder, body_bytes } = self;
        let is_unknown = matches!(body, RequestBody::InPieces { length: None });
        let envelopes = match is_unknown || body.known_length() == body_bytes {
            true => split(sealed, request.service.head.credentials.len()),
            false => Err(Error::new(Code::Malformed, "the body is not as long as the one that was decided about")),
        };
        match envelopes {
            Ok(envelopes) => Exchange::of(engine, &request, decision, body, envelopes, recorder),
            Err(error) => Err(failure(&error, request.is_idempotent(), recorder)),
        }
    }
}
