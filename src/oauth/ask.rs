//! An exchange with a token endpoint.

use http::Uri;
use http::uri::Scheme;
use jiff::Timestamp;
use tokio::time::Instant;

use super::question::Question;
use super::response::Granted;
use super::source::TokenSource;
use super::token::Moment;
use super::{endpoint, response};
use crate::credential::clock::Skew;
use crate::document::ByteLimit;
use crate::error::{Code, Error, Sent};
use crate::sys::wiped;

/// Cap of a token endpoint's response.
const RESPONSE: ByteLimit = ByteLimit { bytes: 64 * 1024, of: "a token response" };

/// One token request, and where this host's clock is why its assertion is refused, another one by the endpoint's clock. It gives when it
/// was asked. An error says whether the request can have reached the endpoint.
pub(super) async fn exchange(
    source: &TokenSource,
    question: &Question<'_>,
    deadline: Instant,
    asking: impl Fn(),
) -> Result<(Moment, Granted), Error> {
    match ask_at(source, question, deadline, &asking, None).await? {
        Asked::Granted(at, granted) => Ok((at, granted)),
        Asked::Refused(error, None) => Err(error),
        Asked::Refused(error, Some(skew)) if skew.is_corrected() => {
            match ask_at(source, question, deadline, &asking, Some(skew)).await? {
                Asked::Granted(at, granted) => Ok((at, granted)),
                Asked::Refused(..) => Err(Error::new(error.code, format!("{}; {skew}", error.message)).sent(Sent::Yes)),
            }
        }
        Asked::Refused(error, Some(skew)) => Err(Error::new(
            Code::ClockSkew,
            format!("{skew}, which refuses what is signed by it: set it ({})", error.message),
        )
        .sent(Sent::Yes)),
    }
}

/// What came of a token request.
enum Asked {
    Granted(Moment, Granted),
    /// With what the refusal says of the clock.
    Refused(Error, Option<Skew>),
}

async fn ask_at(
    source: &TokenSource,
    question: &Question<'_>,
    deadline: Instant,
    asking: &impl Fn(),
    skew: Option<Skew>,
) -> Result<Asked, Error> {
    let asked = Moment::now();
    let uri = source.uri.as_ref().ok_or_else(|| Error::new(Code::Panic, "a grant has no token endpoint"))?;
    let now = skew.map_or(asked.unix(), |skew| unix(skew.correct(Timestamp::now())));
    let request = wiped(|| question.request(uri, &source.user_agent, now))?;
    asking();
    let response = source.network.one_shot(request, RESPONSE, deadline).await.map_err(failed)?;
    let (status, headers, body) = (response.status, response.headers, response.body);
    match wiped(|| question.read(status, &headers, &body)) {
        Ok(granted) => Ok(Asked::Granted(asked, granted)),
        Err(error) => {
            // A refused refresh token is none of the clock's.
            let is_told = error.code != Code::ConsentRequired
                && is_tls(uri)
                && question.is_refused_for_time(status, &headers, &body);
            let skew = is_told.then(|| Skew::of(&headers, Timestamp::now())).flatten();
            Ok(Asked::Refused(error.sent(Sent::Yes), skew))
        }
    }
}

fn is_tls(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}

pub(super) fn unix(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_second()).unwrap_or_default()
}

/// What a failed exchange with the token endpoint is to the caller.
fn failed(error: Error) -> Error {
    let sent = error.sent;
    let error = match error.code.class() {
        _ if error.code == Code::ClientCertificateRefused => {
            Error::new(Code::TokenEndpointRejected, format!("the token endpoint: {}", error.message))
        }
        "credential" => error,
        "policy" => endpoint::refused(Error::new(error.code, error.message)),
        "response" => response::invalid(&error.message),
        "protocol" if error.code != Code::ClosedEarly => response::invalid(&error.message),
        _ => response::unreachable(&error.message),
    };
    error.sent(sent)
}
