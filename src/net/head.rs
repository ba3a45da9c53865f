//! What the head of a response may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode};
use tokio::sync::Notify;

use super::body::WitnessBody;
use super::frames::INTERIM_RESPONSES;
use crate::document::ByteLimit;
use crate::error::{Code, Error};

const HEADER_FIELDS: usize = 100;

/// Counts interim responses of HTTP/1.1. On HTTP/2 the stack does not report them, and the connection counts them itself.
#[derive(Default)]
pub struct InterimLimit {
    count: AtomicU32,
    exceeded: Notify,
}

impl InterimLimit {
    /// The limit of this request.
    pub fn watch(request: &mut Request<WitnessBody>) -> Arc<Self> {
        let limit = Arc::new(Self::default());
        let counter = Arc::clone(&limit);
        hyper::ext::on_informational(request, move |_| {
            if counter.count.fetch_add(1, Ordering::AcqRel) >= INTERIM_RESPONSES {
                counter.exceeded.notify_one();
            }
        });
        limit
    }

    /// Waits until there are too many.
    pub async fn exceeded(&self) {
        self.exceeded.notified().await;
    }

    /// Whether there were too many.
    pub fn is_exceeded(&self) -> bool {
        self.count.load(Ordering::Acquire) > INTERIM_RESPONSES
    }

    /// Why there is no response.
    pub fn error() -> Error {
        Error::new(Code::ProtocolInvalid, format!("the server sent more than {INTERIM_RESPONSES} interim responses"))
    }
}

/// Refuses a head that contradicts itself, or has more than `cap` bytes.
pub fn check<B>(response: &Response<B>, cap: usize) -> Result<(), Error> {
    let invalid = |message| Err(Error::new(Code::ProtocolInvalid, message));
    let headers = response.headers();
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return invalid("the server switched protocols, which nobody asked for");
    }
    if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
        return invalid("the server sent transfer-encoding together with content-length");
    }
    // The stack below undoes chunked and hands anything else to the caller as if it were the body.
    if headers.get_all(TRANSFER_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"chunked"))
        || headers.get_all(TRANSFER_ENCODING).iter().count() > 1
    {
        return invalid("the server sent a transfer-encoding other than chunked");
    }
    if headers.len() > HEADER_FIELDS {
        return Err(Error::new(
            Code::ProtocolInvalid,
            format!("the server's response has more than {HEADER_FIELDS} header fields"),
        ));
    }
    if head_bytes(headers) > cap {
        let cap = ByteLimit { bytes: cap as u64, of: "limits.header_bytes" };
        return Err(Error::new(Code::ProtocolInvalid, cap.exceeded_by("the response's head")));
    }
    Ok(())
}

/// The size of a head as RFC 9113 section 6.5.2 counts it, less the 32 bytes a field.
fn head_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
