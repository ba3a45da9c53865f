//! Turns what the HTTP stack reports into codes, by the type of the error and never by a peer's text.

use std::error::Error as StdError;
use std::io;

use rustls::AlertDescription;

use crate::error::{Code, Error};

/// The first error of type `T` in the chain that starts at `error`.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Whether a TCP connection was refused.
pub fn is_refused(error: &(dyn StdError + 'static)) -> bool {
    find::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Why a TCP connection was not made.
pub fn connect_error(error: &(dyn StdError + 'static)) -> Error {
    match is_refused(error) {
        true => Error::new(Code::ConnectRefused, "nobody listens at the host's port"),
        false => Error::new(Code::ConnectFailed, "the host cannot be reached"),
    }
}

/// Why the proxy made no tunnel. hyper-util does not export the type, so its own fixed words tell.
pub fn tunnel_error(error: &(dyn StdError + 'static)) -> Error {
    match error.to_string().strip_prefix("tunnel error: ") {
        Some("proxy authorization required") => {
            Error::new(Code::ProxyRefused, "the proxy wants other credentials; look at proxy.url")
        }
        Some("unsuccessful") => Error::new(Code::ProxyRefused, "the proxy refused to open a tunnel to the host"),
        _ if is_refused(error) => Error::new(Code::ConnectRefused, "nobody listens at the proxy's port"),
        _ => Error::new(Code::ConnectFailed, "the proxy cannot be reached or broke the tunnel"),
    }
}

/// What a failed exchange means.
pub struct Cause {
    /// The error, as of nothing sent.
    pub error: Error,
    /// The other side says that it has not processed the request: REFUSED_STREAM, or GOAWAY below the stream (RFC 9113).
    pub unprocessed: bool,
    /// The other side wants HTTP/1.1 for the request.
    pub wants_http1: bool,
    /// The alert of TLS by which the other side has ended the connection.
    pub alert: Option<AlertDescription>,
}

impl From<Error> for Cause {
    fn from(error: Error) -> Self {
        Self { error, unprocessed: false, wants_http1: false, alert: None }
    }
}

/// Why no response came.
pub fn exchange_error(error: &(dyn StdError + 'static)) -> Cause {
    if let Some(own) = find::<Error>(error) {
        return own.clone().into();
    }
    let remote = find::<h2::Error>(error).filter(|error| error.is_remote());
    let reason = remote.and_then(h2::Error::reason);
    Cause {
        error: transfer_error(error),
        unprocessed: remote.is_some_and(h2::Error::is_go_away) || reason == Some(h2::Reason::REFUSED_STREAM),
        wants_http1: reason == Some(h2::Reason::HTTP_1_1_REQUIRED),
        alert: find::<io::Error>(error).and_then(alert),
    }
}

/// Why an exchange on an open connection broke: the peer's HTTP is wrong, or the connection ended.
pub fn transfer_error(error: &(dyn StdError + 'static)) -> Error {
    if let Some(error) = find::<h2::Error>(error) {
        return match error.get_io() {
            Some(error) => io_error(error),
            None if error.is_library() => invalid(),
            None => closed(),
        };
    }
    if let Some(error) = find::<io::Error>(error) {
        return io_error(error);
    }
    match find::<hyper::Error>(error) {
        Some(error) if error.is_parse() || error.is_user() => invalid(),
        _ => closed(),
    }
}

/// The alert that an error of reading is.
pub fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => Some(*alert),
        _ => None,
    }
}

fn io_error(error: &io::Error) -> Error {
    // In TLS 1.3 a server judges the client when the client's own handshake is already complete.
    if alert(error).is_some() {
        return Error::new(
            Code::HandshakeFailed,
            "the server ended TLS with an alert; it may want a client's certificate",
        );
    }
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => invalid(),
        _ => closed(),
    }
}

fn invalid() -> Error {
    Error::new(Code::ProtocolInvalid, "the server's response is not acceptable HTTP")
}

/// The server wants the request by HTTP/1.1, which the configuration may allow or not.
pub fn wants_http1(may_be: bool) -> Error {
    let message = match may_be {
        true => "the server wants the request by HTTP/1.1 (HTTP_1_1_REQUIRED), and gets requests by it from now on",
        false => "the server wants the request by HTTP/1.1 (HTTP_1_1_REQUIRED), which http_versions leaves out",
    };
    Error::new(Code::ClosedEarly, message)
}

/// The connection or the stream ended in the middle.
pub fn closed() -> Error {
    Error::new(Code::ClosedEarly, "the connection ended before the response did")
}
