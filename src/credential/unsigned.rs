//! What a signature is made of, and what it changes.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::error::{Code, Error};
use crate::secret::Secret;

/// A request that is complete but for its signature.
pub struct Unsigned<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Where it goes, in the one form that is matched, sent and logged.
    pub uri: &'a Uri,
    /// Its header fields, with those of the other credentials.
    pub headers: &'a HeaderMap,
    /// Its body. None where it comes while it is sent.
    pub body: Option<&'a [u8]>,
    /// Its idempotency key, the same for every attempt.
    pub id: Option<&'a str>,
}

impl Unsigned<'_> {
    /// Its header fields, and these in the place of those that have their names.
    pub(super) fn headers_with(&self, filled: &[(HeaderName, HeaderValue)]) -> HeaderMap {
        let mut headers = self.headers.clone();
        for (name, value) in filled {
            headers.insert(name, value.clone());
        }
        headers
    }
}

/// Why a body that is read while it is sent cannot be signed.
pub(super) fn in_pieces() -> Error {
    let why = "the body is signed, and is read in pieces while it is sent: give the body as a text";
    Error::new(Code::PlacementConflict, why)
}

/// What is new in every attempt.
pub struct Fresh {
    /// When it is made.
    pub time: Timestamp,
    /// What nobody could guess.
    pub nonce: String,
}

/// What a signature changes in a request.
pub struct Signed {
    /// Header fields to set.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The query to send instead of the request's.
    pub query: Option<Zeroizing<String>>,
    /// What has to be found in a response.
    pub secrets: Vec<Secret>,
}
