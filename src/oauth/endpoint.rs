//! Where tokens are asked for, under the rules for every URL.

use http::Uri;

use crate::error::{Code, Error};
use crate::policy::{Bound, InternalHosts, Policy, Target};

/// Judges a token URL: its form, its scheme and its port as the request's policy has them, and its host as the
/// credential's binding has it. Its addresses are judged where the socket connects.
///
/// `allowed_hosts` does not count: it names the hosts of the API, and this URL is sealed with the client's secret.
pub fn check(
    token_url: &str,
    policy: &Policy,
    binding: Option<&Bound>,
    internal_hosts: &InternalHosts,
) -> Result<(Uri, Target), Error> {
    let target = Target::from_url(token_url, None, false).map_err(|error| match error.code {
        Code::Malformed => Error::new(Code::PayloadInvalid, "the credential's token_url is no absolute URL"),
        _ => refused(error),
    })?;
    policy.check_own_request(target.origin(), internal_hosts).map_err(refused)?;
    if let Some(bound) = binding {
        bound.allows_token_endpoint(target.origin())?;
    }
    let uri = Uri::try_from(target.text(target.query()))
        .map_err(|_| Error::new(Code::PayloadInvalid, "the credential's token_url cannot be sent as it is"))?;
    Ok((uri, target))
}

/// The same refusal, of the token URL.
pub(super) fn refused(error: Error) -> Error {
    Error::new(error.code, format!("the token URL is refused: {}", error.message))
}
