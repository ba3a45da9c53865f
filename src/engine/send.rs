//! One hop: a request on its way, until there is a response.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};

use super::retry::Resends;
use crate::audit::Recorder;
use crate::error::{Error, Sent};
use crate::net::{Content, Network, Response, Terms};

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
    pub body: Content,
}

impl Outgoing {
    fn request(&self) -> Request<Content> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        // RFC 9110 section 8.6: a method that expects a body says so when there is none.
        match self.body.length() {
            Some(0) if [Method::POST, Method::PUT, Method::PATCH].contains(&self.method) => {
                request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
            }
            // Without it the stack below takes a GET for one without a body. HTTP/2 has no such field, and there it leaves it out.
            None => {
                request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
            Some(_) => {}
        }
        request
    }

    /// Turns the request into what follows a 303, or a 301 or 302 after POST (RFC 9110 section 15.4).
    pub fn becomes_get(&mut self) {
        self.method = if self.method == Method::HEAD { Method::HEAD } else { Method::GET };
        if let Content::InPieces(upload) = std::mem::replace(&mut self.body, Content::Whole(Bytes::new())) {
            upload.close();
        }
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

/// Sends until a response's head has come. `worst` is how far any try had got, so that no later `no` hides an earlier `maybe`.
pub async fn send(
    network: &Network,
    outgoing: &Outgoing,
    terms: Terms<'_>,
    recorder: &mut Recorder,
    worst: &mut Sent,
) -> Result<Response, Error> {
    let mut resends = Resends::of(&outgoing.method);
    loop {
        let failure = match network.exchange(outgoing.request(), recorder.leaving(), terms).await {
            Ok(response) => {
                recorder.responded();
                recorder.exchange(response.observed());
                return Ok(response);
            }
            Err(failure) => *failure,
        };
        recorder.exchange(&failure.observed);
        *worst = failure.error.sent.max(*worst);
        if outgoing.body.has_begun() || !resends.take(failure.unprocessed, failure.without_response) {
            return Err(failure.error.sent(*worst));
        }
    }
}
