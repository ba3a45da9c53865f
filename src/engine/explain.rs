//! What an engine says of a request without sending it.

use std::time::Instant;

use super::bind::bind;
use super::breaker::{self, Breaker};
use super::decide::{context, decide};
use super::reply::{Reply, document};
use super::state::Engine;
use super::unseal::{choose, split, unseal};
use crate::audit::Recorder;
use crate::credential::declared;
use crate::document::{CheckHead, DecisionHead, Request};
use crate::error::Error;
use crate::policy::{self, Decision, OriginDecision};

impl Engine {
    /// Decides about a request with a body of this size, which would come by this `transport`, and sends nothing.
    pub fn explain(&self, request: &[u8], body_bytes: u64, transport: &'static str) -> Reply {
        let mut recorder = Recorder::begin(transport);
        match self.decision(request, body_bytes, &mut recorder) {
            Ok(Decision { method, admitted, .. }) => {
                let target = &admitted.target;
                let origin = (target.origin().host.to_string(), target.origin().port);
                let url = target.text(target.query());
                document(true, &DecisionHead::allowed(method.to_string(), url, origin, admitted.path_template))
            }
            Err(error) => document(false, &DecisionHead::refused(&error, recorder.end())),
        }
    }

    fn decision(&self, request: &[u8], body_bytes: u64, recorder: &mut Recorder) -> Result<Decision, Error> {
        let request = Request::parse(request)?;
        recorder.request(&request);
        let decision = decide(self, &request, body_bytes, recorder)?;
        match self.breakers.is_open(Breaker::of(&request).as_ref(), Instant::now()) {
            true => Err(breaker::refusal()),
            false => Ok(decision),
        }
    }

    /// Says by a code alone whether the credentials of a request can be used. It is no call: nothing is counted, recorded or
    /// sent, and no part of an envelope is in the reply.
    pub fn check(&self, request: &[u8], sealed: &[u8]) -> Reply {
        let refusal = self.judge(request, sealed).err();
        document(refusal.is_none(), &CheckHead::new(refusal.as_ref()))
    }

    /// Unseals a request's credentials and judges what can be judged without its path: key, type, binding, expiry. They are
    /// wiped where this returns.
    fn judge(&self, request: &[u8], sealed: &[u8]) -> Result<(), Error> {
        let request = Request::parse(request)?;
        let specs = &request.credentials;
        let envelopes = split(sealed, specs.len())?;
        declared::check(specs)?;
        let filled_headers = declared::filled_headers(specs);
        let OriginDecision { mut policy, mut origin, method, alternatives } =
            policy::decide_origin(&request, &context(self, &filled_headers))?;
        let credentials = unseal(self, specs, &envelopes)?;
        if let Some(chosen) = choose(&credentials, alternatives) {
            (policy, origin) = (chosen.policy, chosen.place);
        }
        bind(self, specs, &credentials, &policy, |bound| bound.allows_service(&origin, &method)).map(drop)
    }
}
