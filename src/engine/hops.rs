//! One attempt: a request and the redirects that follow it, up to the head of the answer that stands.

use http::{Method, StatusCode};

use super::Engine;
use super::prepare::{Prepared, uri};
use super::transfer::{self, Outgoing};
use crate::audit::Recorder;
use crate::error::{Code, Error, Sent};
use crate::net::{Answer, Network, Way};
use crate::policy::{Redirect, Target};

/// The answer that an attempt ended with; its body is still on the wire.
pub struct Landed {
    /// The answer.
    pub answer: Answer,
    /// The method that it answers, which a redirect may have changed.
    pub method: Method,
}

/// Makes one attempt. A failure's `sent` is the worst of its hops.
pub async fn attempt(
    network: &Network,
    engine: &Engine,
    prepared: &Prepared,
    outgoing: Outgoing,
    recorder: &mut Recorder,
) -> Result<Landed, Error> {
    let mut hop = Hop { target: prepared.target.clone(), outgoing };
    let mut worst = Sent::No;
    let mut hops = 0;
    let mut redirected = None;
    loop {
        let way = if hop.target.origin() == prepared.target.origin() { Way::Called } else { Way::Redirected };
        let sent = transfer::send(network, &hop.outgoing, way, prepared.deadline, recorder, &mut worst).await;
        let answer = sent.map_err(|error| match (error.code, redirected) {
            (Code::AddressNotAllowed, Some(status)) => {
                Error::new(Code::RedirectNotAllowed, format!("the redirect is refused: {}", error.message))
                    .with_status(status)
            }
            _ => error,
        })?;
        worst = Sent::Yes;
        let status = answer.response.status();
        let location = if prepared.max_redirects == 0 {
            None
        } else {
            transfer::location(&answer).map_err(|error| error.with_status(status.as_u16()))?
        };
        match location {
            None => return Ok(Landed { answer, method: hop.outgoing.method }),
            Some(_) if hops == prepared.max_redirects => {
                let error =
                    Error::new(Code::RedirectNotAllowed, "the answer redirects more often than max_redirects allows");
                return Err(error.with_status(status.as_u16()));
            }
            Some(location) => {
                hops += 1;
                redirected = Some(status.as_u16());
                hop.follow(prepared, engine, &location, status).map_err(|error| error.with_status(status.as_u16()))?;
            }
        }
    }
}

struct Hop {
    target: Target,
    outgoing: Outgoing,
}

impl Hop {
    /// Turns the request into that of the next hop, which passes every rule again.
    fn follow(
        &mut self,
        prepared: &Prepared,
        engine: &Engine,
        location: &str,
        status: StatusCode,
    ) -> Result<(), Error> {
        let outgoing = &mut self.outgoing;
        if transfer::changes_to_get(status, &outgoing.method) {
            outgoing.becomes_get();
        }
        let redirect = Redirect {
            from: &self.target,
            location,
            method: &outgoing.method,
            has_credential: prepared.has_credential,
        };
        let target = prepared.policy.redirect(&redirect, &engine.settings.internal_hosts)?.target;
        let refused = |why: &str| Error::new(Code::RedirectNotAllowed, format!("the redirect is refused: {why}"));
        for bound in &prepared.bindings {
            bound.allows(&target, &outgoing.method).map_err(|_| refused("the credential is bound elsewhere"))?;
        }
        if prepared.fills_query {
            // Whether the location echoes the parameter is the server's choice, so it cannot be filled without a conflict.
            return Err(refused("the credential stands in the query"));
        }
        if target.origin() != self.target.origin() {
            outgoing.leaves_origin();
        }
        outgoing.uri = uri(&target, target.query())?;
        self.target = target;
        Ok(())
    }
}
