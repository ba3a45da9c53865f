//! The body of the answer that stands, and what becomes of one that does not.

use http::{Method, Version};
use tokio::time::Instant;

use super::hops::Landed;
use super::prepare::Prepared;
use super::reply::{Reply, document, header_fields};
use crate::audit::Recorder;
use crate::document::ResponseHead;
use crate::error::Error;
use crate::net;

/// What of an unread body is worth taking in, so that an HTTP/1.1 connection can be used again.
const DRAINED_BYTES: u64 = 64 * 1024;

/// What came back, whole.
pub struct Answered {
    status: u16,
    http2: bool,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answered {
    /// The documents that go back.
    pub fn reply(self, mut recorder: Recorder) -> Reply {
        recorder.status(self.status);
        let version = if self.http2 { "2" } else { "1.1" };
        let head = ResponseHead::answer(self.status, version, self.headers, recorder.end());
        Reply { body: self.body, ..document(true, &head) }
    }
}

/// Reads an answer to its end.
pub async fn read(prepared: &Prepared, landed: Landed, recorder: &mut Recorder) -> Result<Answered, Error> {
    let Landed { answer, method } = landed;
    let status = answer.response.status();
    let (head, body) = answer.response.into_parts();
    let http2 = head.version == Version::HTTP_2;
    let bodiless = method == Method::HEAD || [204, 304].contains(&status.as_u16());
    let (bytes, decoded) = if bodiless {
        (Vec::new(), false)
    } else {
        let mut wire = 0;
        let read = net::read_body(&head, body, prepared.response_bytes, prepared.deadline, &mut wire).await;
        recorder.received(wire);
        let read = read.map_err(|error| error.with_status(status.as_u16()))?;
        (read.bytes, read.decoded)
    };
    let headers = header_fields(&head.headers, decoded, &prepared.redactor, &prepared.callers_headers);
    Ok(Answered { status: status.as_u16(), http2, headers, body: bytes })
}

/// Takes in what comes until then of an answer that is not to stand. A connection whose answer did not end in that time
/// closes, or its stream is reset.
pub async fn drain(landed: Landed, until: Instant, recorder: &mut Recorder) {
    recorder.received(net::drain_body(landed.answer.response.into_body(), DRAINED_BYTES, until).await);
}
