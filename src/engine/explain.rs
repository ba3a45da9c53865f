//! What an engine says of a request without sending it.

use super::bind::bind;
use super::decide::{ReadRequest, RequestHead, context, read};
use super::reply::{Reply, document};
use super::state::Engine;
use super::unseal::{choose, split, unseal};
use crate::credential::Credential;
use crate::document::CheckHead;
use crate::error::Error;
use crate::policy::{self, OriginDecision};
use crate::sys::wiped;

impl Engine {
    /// Decides about a request with a body of this size, which would come by this `transport`, and sends nothing.
    pub fn explain(&self, head: RequestHead<'_>, body_bytes: u64, transport: &'static str) -> Reply {
        self.decide(head, body_bytes, transport).0
    }

    /// Says by a code alone whether the credentials of a request can be used. It is no call: nothing is counted, recorded or
    /// sent, and no part of an envelope is in the reply.
    pub fn check(&self, request: &[u8], sealed: &[u8]) -> Reply {
        let refusal = wiped(|| self.judge(request, sealed)).err();
        document(refusal.is_none(), &CheckHead::new(refusal.as_ref()))
    }

    /// Unseals a request's credentials and judges what can be judged without its path: key, type, binding, expiry. They are
    /// wiped where this returns.
    fn judge(&self, request: &[u8], sealed: &[u8]) -> Result<(), Error> {
        let ReadRequest { service, call } = read(self, RequestHead { service: None, request })?;
        let specs = &service.head.credentials;
        let envelopes = split(sealed, specs.len())?;
        service.placements.clone()?;
        let OriginDecision { mut policy, mut origin, method, alternatives } =
            policy::decide_origin(&call, &service.rules, &context(self, &service))?;
        let credentials = unseal(self, specs, &envelopes)?;
        if let Some(chosen) = choose(&credentials, alternatives) {
            (policy, origin) = (chosen.policy, chosen.place);
        }
        bind(self, specs, &credentials, &policy, |bound| bound.allows_service(&origin, &method))?;
        credentials.iter().try_for_each(Credential::check)
    }
}
