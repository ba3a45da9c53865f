//! What a signature is made of, and what it changes.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use jiff::Timestamp;
use zeroize::Zeroizing;

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
