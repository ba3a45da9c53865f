//! What comes of a response after its head.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::client::RequestStream;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue};
use http_body::{Body as HttpBody, Frame};
use tokio::task::AbortHandle;

use super::connection::Connection;
use super::failure::cause;
use super::receive::{Receive, Unread};
use crate::error::{Code, Error};
use crate::net::body::Leaving;
use crate::net::classify;

/// The body of a response.
pub struct Body {
    pub(super) stream: RequestStream<Receive, Leaving>,
    pub(super) id: u64,
    pub(super) unread: Arc<Unread>,
    pub(super) connection: Arc<Connection>,
    /// What is still missing of its length, where that is known and there is a body.
    pub(super) missing: Option<u64>,
    pub(super) has_data: bool,
    pub(super) is_over: bool,
    /// Who still sends the request's body.
    pub(super) _sender: Option<Sender>,
}

/// Ends who sends the body of a request when it is dropped.
pub struct Sender(pub AbortHandle);

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Whether fields may be those of HTTP/3 (RFC 9114 section 4.2), and agree about the length of the body.
pub fn is_well_formed(fields: &HeaderMap) -> bool {
    let of_connections = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let first = lengths.next();
    let is_number = |value: &HeaderValue| !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit);
    !of_connections.iter().any(|name| fields.contains_key(*name))
        && first.is_none_or(|first| is_number(first) && length(fields).is_some() && lengths.all(|other| other == first))
}

/// The length of the body that well-formed fields tell.
pub fn length(fields: &HeaderMap) -> Option<u64> {
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
        let polled = match this.has_data {
            true => {
                this.stream.poll_recv_data(cx).map_ok(|data| data.map(|mut data| data.copy_to_bytes(data.remaining())))
            }
            false => Poll::Ready(Ok(None)),
        };
        let polled = match polled {
            // What follows are trailers, and nothing behind them.
            Poll::Ready(Ok(None)) => {
                this.has_data = false;
                match ready!(this.stream.poll_recv_trailers(cx)) {
                    Ok(Some(trailers)) if !is_well_formed(&trailers) => {
                        this.is_over = true;
                        let message = "the server's trailers are not acceptable HTTP";
                        return Poll::Ready(Some(Err(Error::new(Code::ProtocolInvalid, message))));
                    }
                    ended => Poll::Ready(ended.map(|_| None)),
                }
            }
            polled => polled,
        };
        if polled.is_pending() && this.unread.is_held_back() {
            this.is_over = true;
            let message = "the server sent a frame of HTTP/3 that is too large";
            return Poll::Ready(Some(Err(Error::new(Code::ProtocolInvalid, message))));
        }
        let ended = match ready!(polled) {
            Ok(Some(data)) => match &mut this.missing {
                Some(missing) if *missing < data.len() as u64 => {
                    Err(Error::new(Code::ProtocolInvalid, "the server sent more of a body than its content-length"))
                }
                missing => {
                    missing.iter_mut().for_each(|missing| *missing -= data.len() as u64);
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
            },
            Ok(None) if this.missing.is_some_and(|missing| missing > 0) => Err(classify::closed()),
            Ok(None) => Ok(()),
            Err(error) => Err(cause(&error, &this.connection, this.id).error),
        };
        this.is_over = true;
        Poll::Ready(ended.err().map(Err))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}
