//! A refusal for the time: told, and where this host's clock is off by little, one repeat by the server's.

use jiff::Timestamp;
use tokio::time::Instant;

use super::prepare::Run;
use super::refusal::look;
use super::route::Route;
use crate::credential::clock::{Skew, may_refuse, names_time};
use crate::error::Error;
use crate::net::Response;
use crate::policy::Scheme;

/// How far the clock is off, where what was signed with it is refused for that. Only the origin that was called counts, over TLS:
/// where redirects are followed, nobody knows here who has refused.
pub async fn told(ended: &mut Result<Response, Error>, route: &Route, run: &Run, deadline: Instant) -> Option<Skew> {
    let is_timed = run.signing.as_ref().is_some_and(|signing| signing.is_timed())
        || run.token.as_ref().is_some_and(|token| token.is_timed());
    let response = ended.as_mut().ok().filter(|response| is_timed && may_refuse(response.status()))?;
    if route.max_redirects > 0 || route.target.origin().scheme != Scheme::Https {
        return None;
    }
    let skew = Skew::of(response.headers(), Timestamp::now())?;
    let body = look(response, deadline).await;
    names_time(response.headers(), &body).then_some(skew)
}

/// Has the next attempt signed by the server's clock, once in a call, and not beside a repeat after a 401. Says whether there is
/// anything else to send.
pub async fn correct(run: &mut Run, skew: Skew, deadline: Instant) -> bool {
    if std::mem::replace(&mut run.corrected, true) {
        return false;
    }
    if let Some(signing) = run.signing.as_mut().filter(|signing| signing.is_timed()) {
        signing.correct(skew);
    }
    match &mut run.token {
        Some(token) if token.is_timed() => token.correct(skew, deadline).await,
        Some(token) => token.use_up(),
        None => true,
    }
}
