//! An exchange that goes on beside others, as a task of its own.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant as Clock};

use tokio::time::{Instant, sleep_until};

use super::attempts;
use super::breaker::{self, Verdict};
use super::budget::Budget;
use super::exchange::{Exchange, ExchangeParts};
use super::inbox::{self, Filling, Inbox};
use super::prepare::Prepared;
use super::reply::{Reply, header_fields};
use super::response;
use super::token::CallToken;
use crate::audit::{Outcome, Recorder};
use crate::document::StreamHead;
use crate::error::{Code, Error, Sent};
use crate::net::{self, Content, IdleLimit, IdleWait, Response};
use crate::sys::Buffer;

pub use super::inbox::{Piece, Ready};
pub use crate::net::Rest;

/// An exchange that goes on. Where it is dropped before its end, it ends with `cancelled.abandoned`.
pub struct Ongoing(Arc<Inbox>);

/// How the response is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// As a whole, with the times of `Exchange::collect`.
    Whole {
        /// How long nothing may come while somebody waits, where the host limits it beside the documents.
        idle: Option<Duration>,
    },
    /// In pieces, as it comes.
    InPieces {
        /// The same.
        idle: Option<Duration>,
    },
}

impl Exchange {
    /// The exchange as its host sees it, and the task that makes it, which the host gives to its runtime.
    pub fn begin(self, delivery: Delivery) -> (Ongoing, impl Future<Output = ()> + Send + 'static) {
        let mut parts = self.into_parts();
        let upload = match &parts.prepared.outgoing.body {
            Content::InPieces(upload) => Some(Arc::clone(upload)),
            Content::Whole(_) => None,
        };
        let budget = &mut parts.prepared.budget;
        let limit = match delivery {
            Delivery::Whole { idle } => budget.idle.whole(idle),
            Delivery::InPieces { idle } => budget.idle.in_pieces(idle),
        };
        let idle = Arc::new(IdleLimit::new(limit, upload.clone()));
        budget.clock = Some(Arc::clone(&idle));
        budget.beside = true;
        let whole = matches!(delivery, Delivery::Whole { .. });
        let inbox = Arc::new(Inbox::new(idle, upload, whole));
        (Ongoing(Arc::clone(&inbox)), run(parts, inbox, whole))
    }
}

impl Ongoing {
    /// The head of the response, or why there is none; nothing where it has not come yet.
    pub fn head(&self) -> Option<Reply> {
        self.0.head()
    }

    /// The next bytes of the body, at most `max`.
    pub fn read(&self, max: usize) -> Piece {
        self.0.read(max)
    }

    /// Takes the next bytes of the request's body, where it comes in pieces, and says how many; nothing where no more of it is
    /// wanted. At most 64 KiB are taken ahead. `rest` counts where all were taken.
    pub fn write(&self, bytes: &[u8], rest: Rest) -> Option<usize> {
        self.0.upload()?.feed(bytes, rest)
    }

    /// Ends the call with `cancelled.requested`. It changes nothing where the call has ended.
    pub fn cancel(&self) {
        self.0.cancel(Code::CancelledRequested);
    }

    /// Ends the call with `cancelled.abandoned`, which `end` does as well.
    pub fn abandon(&self) {
        self.0.cancel(Code::CancelledAbandoned);
    }

    /// Waits until one of these has something that was not taken yet, or room for bytes that it had none for, and says which have.
    /// Only while somebody waits, silence counts.
    pub async fn any_ready(exchanges: &[Arc<Self>]) -> Vec<Ready> {
        let _waiting: Vec<IdleWait<'_>> = exchanges.iter().map(|exchange| exchange.0.idle().wait()).collect();
        let inboxes: Vec<&Inbox> = exchanges.iter().map(|exchange| &*exchange.0).collect();
        inbox::ready(&inboxes).await
    }

    /// Waits until this one has something that was not taken yet. Meanwhile silence counts.
    pub async fn responds(&self) {
        let _waiting = self.0.idle().wait();
        poll_fn(|cx| self.0.poll_response(cx)).await;
    }

    /// Waits until there is room for bytes of the request's body that there was none for, or no more are wanted.
    pub async fn has_room(&self) {
        if let Some(upload) = self.0.upload() {
            poll_fn(|cx| upload.poll_room(cx)).await;
        }
    }

    /// Notes that somebody waits who will come back by `any_ready`: the silence until then counts.
    pub fn wait_outside(&self) {
        self.0.idle().wait_outside();
    }

    /// Ends the call, with `cancelled.abandoned` where it has not ended yet, and gives its record.
    pub async fn end(&self) -> Option<Reply> {
        self.abandon();
        poll_fn(|cx| self.0.poll_ended(cx)).await;
        self.0.record()
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Ends the call where its task ends in another way than by coming to its end: by a panic, or with its runtime.
struct EndOfTask<'a>(&'a Inbox, &'static str);

impl Drop for EndOfTask<'_> {
    fn drop(&mut self) {
        if !self.0.has_ended() {
            let error =
                Error::new(Code::Panic, "the library has a bug; please report what was called, without its data");
            self.0.end(Some(&error.sent(Sent::Maybe)), false, Recorder::begin(self.1));
        }
    }
}

async fn run(parts: ExchangeParts, inbox: Arc<Inbox>, whole: bool) {
    let ExchangeParts { engine: _engine, mut prepared, mut recorder } = parts;
    let _end = EndOfTask(&inbox, recorder.transport());
    let mut status = None;
    let ended = tokio::select! {
        biased;
        code = inbox.cancelled() => Err(Stopped::ByHost(cancelled(code))),
        error = inbox.upload_failed() => Err(Stopped::ByHost(error)),
        made = make(&mut prepared, &mut recorder, &inbox, whole, &mut status) => made.map_err(Stopped::ByError),
    };
    let error = ended.err().map(|stopped| match stopped {
        Stopped::ByError(error) => error,
        Stopped::ByHost(error) => {
            let error = error.sent(recorder.sent());
            recorder.attempt_left(error.code);
            status.map_or_else(|| error.clone(), |status| error.clone().with_status(status))
        }
    });
    let Prepared { budget, run, .. } = prepared;
    recorder.token_requests(run.token.map_or(0, CallToken::end));
    recorder.received(inbox.idle().bytes());
    if let Some(status) = status {
        recorder.status(status);
    }
    inbox.end(error.as_ref(), budget.idempotent, recorder);
}

enum Stopped {
    ByHost(Error),
    ByError(Error),
}

fn cancelled(code: Code) -> Error {
    Error::new(
        code,
        match code {
            Code::CancelledRequested => "the call was cancelled",
            _ => "the call was let go before its end",
        },
    )
}

/// The attempts, and the body of the response that ends them.
async fn make(
    prepared: &mut Prepared,
    recorder: &mut Recorder,
    inbox: &Inbox,
    whole: bool,
    status: &mut Option<u16>,
) -> Result<(), Error> {
    // Its host may have been away for a while, and servers close connections that are idle.
    net::poll_sockets().await;
    let response = attempts::make(prepared, recorder).await?;
    *status = Some(response.status().as_u16());
    let Prepared { budget, run, .. } = prepared;
    if whole {
        let (head, body) = response::collect(response, budget, run, recorder).await?.into_parts();
        inbox.came(&head, body);
        return Ok(());
    }
    // What follows belongs to a response that the host has: it is never repeated.
    run.permit.settle(breaker::verdict(Outcome::Response(response.status())), Clock::now());
    let headers = header_fields(response.headers(), response.is_decoded(), &run.redactor, &run.callers_headers);
    let version = response.http_version();
    inbox.came(&StreamHead::new(response.status().as_u16(), version, headers), Buffer::default());
    let status = response.status().as_u16();
    let passed = pass(response, budget, inbox).await.map_err(|error| error.with_status(status));
    if let Err(error) = &passed {
        let outcome = Outcome::Failed { code: error.code, sent: error.sent };
        recorder.attempt_ended(outcome);
        if breaker::verdict(outcome) == Verdict::Fails {
            run.permit.broke(Clock::now());
        }
    }
    passed
}

/// Hands the body over, inside its times.
async fn pass(response: Response, budget: &Budget, inbox: &Inbox) -> Result<(), Error> {
    let idle = inbox.idle();
    idle.arrived(0);
    let mut filling = Filling(inbox);
    let mut passing = pin!(response.pass(budget.response_bytes, &mut filling, idle));
    let until = || if idle.bytes() > 0 { budget.total } else { budget.deadline };
    loop {
        tokio::select! {
            biased;
            passed = &mut passing => return passed,
            () = idle.exceeded() => return Err(net::idle_error()),
            () = sleep_until(until()) => {}
        }
        // Nobody may have driven the runtime for a while, and what had come in time is still in the socket.
        for _ in 0..2 {
            net::poll_sockets().await;
            if let Poll::Ready(passed) = poll_fn(|cx| Poll::Ready(passing.as_mut().poll(cx))).await {
                return passed;
            }
        }
        if Instant::now() >= until() {
            return Err(Error::new(Code::TotalTimeout, "the response's body did not end within timeout_ms"));
        }
    }
}
