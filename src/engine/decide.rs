//! Reads a request, and decides what can be decided of it without unsealing, resolving and connecting.

use std::sync::Arc;

use super::retry;
use super::services::Service;
use super::state::Engine;
use crate::audit::Recorder;
use crate::document::{CallHead, Request};
use crate::error::Error;
use crate::policy::{self, Context, Decision};

/// A request as it comes in: its head, or what of it is its own and the document of its service.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    /// The document of the service, which the engine knows again; none where the request has it all.
    pub service: Option<&'a [u8]>,
    /// The request's own.
    pub request: &'a [u8],
}

/// A request that was read.
pub struct ReadRequest {
    /// Its service, compiled.
    pub service: Arc<Service>,
    /// The request's own.
    pub call: CallHead,
}

impl ReadRequest {
    /// Whether it may be processed twice.
    pub fn is_idempotent(&self) -> bool {
        retry::is_idempotent(&self.call.method, self.call.idempotency_key.is_some())
    }
}

/// Reads a request.
pub fn read(engine: &Engine, head: RequestHead<'_>) -> Result<ReadRequest, Error> {
    let ceiling = &engine.settings.ceiling;
    match head.service {
        None => {
            let Request { service, call } = Request::parse(head.request)?;
            Ok(ReadRequest { service: Arc::new(Service::of(service, ceiling)), call })
        }
        Some(document) => {
            let service = engine.services.get(document, ceiling)?;
            let call = CallHead::parse(head.request, &service.head)?;
            Ok(ReadRequest { service, call })
        }
    }
}

/// Decides, and notes where the request wants to go. The record of a refused request says that too.
pub fn decide(
    engine: &Engine,
    request: &ReadRequest,
    body_bytes: u64,
    recorder: &mut Recorder,
) -> Result<Decision, Error> {
    let ReadRequest { service, call } = request;
    let decided = service
        .placements
        .clone()
        .and_then(|()| policy::decide(call, &service.rules, body_bytes, &context(engine, service)));
    recorder.origin(match &decided {
        Ok(decision) => Some(decision.admitted.target.origin().clone()),
        Err(_) => policy::origin(call, &service.rules),
    });
    let decision = decided?;
    recorder.path_template(decision.admitted.path_template.as_deref());
    Ok(decision)
}

/// What decisions of this engine rest on.
pub fn context<'a>(engine: &'a Engine, service: &'a Service) -> Context<'a> {
    let settings = &*engine.settings;
    Context {
        internal_hosts: &settings.internal_hosts,
        request_bytes: settings.limits.request_bytes,
        filled_headers: &service.filled_headers,
        signs_for_aws: service.signs_for_aws,
    }
}
