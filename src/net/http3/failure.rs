//! What a failure of HTTP/3 means.

use h3::error::{Code as H3, ConnectionError, StreamError};

use super::connection::Connection;
use crate::error::{Code, Error};
use crate::net::classify::{self, Cause};

/// What it means that a request's head was not sent.
pub fn unsent(error: &StreamError, connection: &Connection) -> Cause {
    match error {
        StreamError::HeaderTooBig { max_size, .. } => {
            // How large it is would tell the length of a credential.
            let message = format!(
                "the request's head is larger than the {max_size} bytes that the server takes over HTTP/3 \
                 (SETTINGS_MAX_FIELD_SECTION_SIZE)"
            );
            Error::new(Code::RequestTooLarge, message).into()
        }
        error => cause(error, connection, u64::MAX),
    }
}

/// What a failure on a stream means.
pub fn cause(error: &StreamError, connection: &Connection, stream: u64) -> Cause {
    let invalid = || Error::new(Code::ProtocolInvalid, "the server's response is not acceptable HTTP");
    let mut cause = Cause::from(classify::closed());
    match error {
        StreamError::RemoteTerminate { code, .. } => {
            cause.unprocessed = *code == H3::H3_REQUEST_REJECTED;
            cause.wants_http1 = *code == H3::H3_VERSION_FALLBACK;
        }
        StreamError::RemoteClosing => cause.unprocessed = true,
        StreamError::StreamError { .. } | StreamError::HeaderTooBig { .. } => cause.error = invalid(),
        StreamError::ConnectionError(ConnectionError::Local { .. }) => cause.error = invalid(),
        _ => {}
    }
    match connection.end() {
        Some(quinn::ConnectionError::ConnectionClosed(closed)) => {
            let code = u64::from(closed.error_code);
            cause.alert = u8::try_from(code.wrapping_sub(0x100)).ok().map(Into::into);
        }
        // Nobody but what finds a violation closes a connection here.
        Some(quinn::ConnectionError::TransportError(_) | quinn::ConnectionError::LocallyClosed) => {
            cause.error = invalid()
        }
        _ => {}
    }
    cause.unprocessed |= stream != u64::MAX && connection.has_left_out(stream);
    cause
}
