//! Sends a request until there is an answer: redirects, and the resending of what was certainly not processed.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use tokio::time::Instant;

use crate::audit::Recorder;
use crate::error::{Code, Error, Sent};
use crate::net::{Answer, Network, Way};

/// How often a request that the server says it has not processed is sent again.
const UNPROCESSED_RESENDS: u32 = 3;

/// A request as it goes out, credential included.
#[derive(Clone)]
pub struct Outgoing {
    /// Method of the hop.
    pub method: Method,
    /// Where it goes.
    pub uri: Uri,
    /// Header fields, with those of the credentials.
    pub headers: HeaderMap,
    /// Body, with the fields of the credentials.
    pub body: Bytes,
}

impl Outgoing {
    fn request(&self) -> Request<Bytes> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        // RFC 9110 section 8.6: a method that expects a body says so when there is none.
        if self.body.is_empty() && [Method::POST, Method::PUT, Method::PATCH].contains(&self.method) {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        request
    }

    /// Turns the request into what follows a 303, or a 301 or 302 after POST (RFC 9110 section 15.4).
    pub fn becomes_get(&mut self) {
        self.method = if self.method == Method::HEAD { Method::HEAD } else { Method::GET };
        self.body = Bytes::new();
        for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE] {
            self.headers.remove(name);
        }
    }

    /// Drops what the caller meant for one origin only.
    pub fn leaves_origin(&mut self) {
        self.headers.remove(AUTHORIZATION);
        self.headers.remove(COOKIE);
    }
}

/// Sends until an answer's head has come. `worst` is how far any try had got, so that no later `no` hides an earlier `maybe`.
pub async fn send(
    network: &Network,
    outgoing: &Outgoing,
    way: Way,
    deadline: Instant,
    recorder: &mut Recorder,
    worst: &mut Sent,
) -> Result<Answer, Error> {
    let repeatable = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&outgoing.method);
    let mut resends = UNPROCESSED_RESENDS;
    let mut retries = u32::from(repeatable);
    loop {
        let failure = match network.exchange(outgoing.request(), way, deadline).await {
            Ok(answer) => {
                recorder.exchange(&answer.exchange);
                return Ok(answer);
            }
            Err(failure) => *failure,
        };
        recorder.exchange(&failure.exchange);
        *worst = failure.error.sent.max(*worst);
        if failure.unprocessed && resends > 0 {
            resends -= 1;
        } else if failure.unanswered && retries > 0 {
            retries -= 1;
        } else {
            return Err(failure.error.sent(*worst));
        }
    }
}

/// Where an answer redirects to, if it does.
pub fn location(answer: &Answer) -> Result<Option<String>, Error> {
    let status = answer.response.status();
    let redirects = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    let mut locations = answer.response.headers().get_all(LOCATION).iter();
    match (redirects.contains(&status), locations.next(), locations.next()) {
        (false, ..) | (true, None, _) => Ok(None),
        (true, Some(location), None) => str::from_utf8(location.as_bytes())
            .map(|text| Some(text.to_owned()))
            .map_err(|_| Error::new(Code::RedirectNotAllowed, "the redirect is refused: its location is not UTF-8")),
        (true, Some(_), Some(_)) => {
            Err(Error::new(Code::RedirectNotAllowed, "the redirect is refused: it names two locations"))
        }
    }
}

/// Whether a redirect turns the request into a GET.
pub fn changes_to_get(status: StatusCode, method: &Method) -> bool {
    status == StatusCode::SEE_OTHER
        || (*method == Method::POST && [StatusCode::MOVED_PERMANENTLY, StatusCode::FOUND].contains(&status))
}
