//! A call under way: started, then collected.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::attempts;
use super::call::{Call, RequestBody};
use super::decide::{ReadRequest, RequestHead, decide, read};
use super::prepare::{Prepared, prepare};
use super::reply::{Reply, failure};
use super::response::{self, Whole};
use super::state::Engine;
use super::token::CallToken;
use super::unseal::split;
use crate::audit::Recorder;
use crate::error::Error;
use crate::net::{self, IdleLimit};
use crate::policy::Decision;
use crate::sys::wiped;

/// A call that may be sent. Nothing of it has been sent, and nothing ever is where it is dropped.
pub struct Exchange {
    /// Lives as long as the exchange: fetches of tokens end with their engine.
    engine: Arc<Engine>,
    prepared: Prepared,
    recorder: Recorder,
}

/// What an exchange is made of.
pub(super) struct ExchangeParts {
    /// Fetches of tokens end with it.
    pub(super) engine: Arc<Engine>,
    /// The request.
    pub(super) prepared: Prepared,
    /// The record.
    pub(super) recorder: Recorder,
}

impl Engine {
    /// Starts a call, which audit records say came by this `transport`. All that can be refused without sending is refused
    /// here, so a host needs no runtime for it.
    pub fn start(self: &Arc<Self>, call: Call<'_>, transport: &'static str) -> Result<Exchange, Reply> {
        let mut recorder = Recorder::begin(transport);
        let request = match read(self, RequestHead { service: None, request: call.request }) {
            Ok(request) => request,
            Err(error) => return Err(failure(&error, false, recorder)),
        };
        recorder.request(&request.service.head, &request.call);
        #[cfg(feature = "test-hooks")]
        assert_ne!(request.service.head.service_id, "test.panic", "a test wants to see a panic");
        let decided = split(call.sealed, request.service.head.credentials.len())
            .and_then(|envelopes| Ok((decide(self, &request, call.body.known_length(), &mut recorder)?, envelopes)));
        match decided {
            Ok((decision, envelopes)) => Exchange::of(self, &request, decision, call.body, envelopes, recorder),
            Err(error) => Err(failure(&error, request.is_idempotent(), recorder)),
        }
    }
}

impl Exchange {
    /// Makes an exchange of a request that was decided about.
    pub(super) fn of(
        engine: &Arc<Engine>,
        request: &ReadRequest,
        decision: Decision,
        body: RequestBody<'_>,
        envelopes: Vec<Vec<u8>>,
        mut recorder: Recorder,
    ) -> Result<Self, Reply> {
        let prepared = wiped(|| prepare(engine, request, decision, body, &envelopes, &mut recorder));
        #[cfg(feature = "test-hooks")]
        assert!(
            prepared.is_err() || request.service.head.service_id != "test.panic.opened",
            "a test wants to see a panic with an open credential"
        );
        match prepared {
            Ok(prepared) => Ok(Self { engine: Arc::clone(engine), prepared, recorder }),
            Err(error) => Err(failure(&error, request.is_idempotent(), recorder)),
        }
    }

    /// Sends the request and reads the whole response. The sockets are polled before, for what has arrived since the last
    /// call, and after a failure, so that the server learns of its end.
    #[allow(clippy::manual_async_fn, reason = "the state of an async function has its argument a second time")]
    pub fn collect(mut self) -> impl Future<Output = Reply> + Send {
        async move {
            // A block takes the fields that it names.
            let _engine = self.engine;
            let idempotent = self.prepared.budget.idempotent;
            net::poll_sockets().await;
            let collected = match self.prepared.budget.idle.whole(None) {
                None => send_and_collect(&mut self.prepared, &mut self.recorder).await,
                Some(limit) => Box::pin(collect_by_clock(&mut self.prepared, &mut self.recorder, limit)).await,
            };
            if collected.is_err() {
                net::poll_sockets().await;
            }
            match collected {
                Ok(whole) => whole.reply(self.recorder),
                Err(error) => failure(&error, idempotent, self.recorder),
            }
        }
    }

    /// Whether an access token goes with it, which is in plain in frames of what drives the exchange.
    pub fn has_token(&self) -> bool {
        self.prepared.run.token.is_some()
    }

    pub(super) fn into_parts(self) -> ExchangeParts {
        let Self { engine, prepared, recorder } = self;
        ExchangeParts { engine, prepared, recorder }
    }

    /// Ends it unsent, because the host cannot drive it.
    pub fn fail(self, error: &Error) -> Reply {
        let Self { prepared, recorder, .. } = self;
        failure(error, prepared.budget.idempotent, recorder)
    }
}

async fn send_and_collect(prepared: &mut Prepared, recorder: &mut Recorder) -> Result<Whole, Error> {
    let collected = match attempts::make(prepared, recorder).await {
        Ok(response) => response::collect(response, &prepared.budget, &mut prepared.run, recorder).await,
        Err(error) => Err(error),
    };
    recorder.token_requests(prepared.run.token.take().map_or(0, CallToken::end));
    collected
}

/// The same where it is limited for how long nothing may come: its host waits for it all the time.
async fn collect_by_clock(prepared: &mut Prepared, recorder: &mut Recorder, limit: Duration) -> Result<Whole, Error> {
    let clock = Arc::new(IdleLimit::new(Some(limit), None));
    prepared.budget.clock = Some(Arc::clone(&clock));
    let _waiting = clock.wait();
    let collected = send_and_collect(prepared, recorder).await;
    recorder.received(clock.bytes());
    collected
}

/// A host may have several threads, and drive an exchange on any of them.
const _: fn(Exchange) = |exchange| {
    fn is_send(_: impl Send + 'static) {}
    is_send(exchange.collect());
};

#[cfg(test)]
mod tests {
    use super::*;

    fn size<F>(_: impl Fn(Exchange) -> F) -> usize {
        size_of::<F>()
    }

    /// It is moved into the runtime. From 8 KiB on the C library copies by bytes.
    #[test]
    fn a_call_is_small_enough_to_be_moved() {
        assert!(size(Exchange::collect) < 8192, "{} bytes", size(Exchange::collect));
    }
}
