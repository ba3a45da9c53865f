//! Decides what can be decided of a request without unsealing, resolving and connecting.

use http::HeaderName;

use super::state::Engine;
use crate::audit::Recorder;
use crate::credential::declared;
use crate::document::Request;
use crate::error::Error;
use crate::policy::{self, Context, Decision};

/// Decides, and notes where the request wants to go. The record of a refused request says that too.
pub fn decide(engine: &Engine, request: &Request, body_bytes: u64, recorder: &mut Recorder) -> Result<Decision, Error> {
    let decided = decision(engine, request, body_bytes);
    recorder.origin(match &decided {
        Ok(decision) => Some(decision.admitted.target.origin().clone()),
        Err(_) => policy::origin(request),
    });
    let decision = decided?;
    recorder.path_template(decision.admitted.path_template.as_deref());
    Ok(decision)
}

fn decision(engine: &Engine, request: &Request, body_bytes: u64) -> Result<Decision, Error> {
    declared::check(&request.credentials)?;
    let filled_headers = declared::filled_headers(&request.credentials);
    policy::decide(request, body_bytes, &context(engine, &filled_headers))
}

/// What decisions of this engine rest on.
pub fn context<'a>(engine: &'a Engine, filled_headers: &'a [HeaderName]) -> Context<'a> {
    let settings = &*engine.settings;
    Context {
        internal_hosts: &settings.internal_hosts,
        host_limit: settings.host_limit.as_ref(),
        request_bytes: settings.limits.request_bytes,
        filled_headers,
    }
}
