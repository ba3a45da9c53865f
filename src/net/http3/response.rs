//! What comes of a response after its head.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::client::RequestStream;
use http_body::{Body as HttpBody, Frame};
use tokio::task::AbortHandle;

use super::connection::Connection;
use super::failure::cause;
use super::quic::{Receive, Unread};
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

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
        let polled = this.stream.poll_recv_data(cx);
        if polled.is_pending() && this.unread.is_held_back() {
            this.is_over = true;
            let message = "the server sent a frame of HTTP/3 that is too large";
            return Poll::Ready(Some(Err(Error::new(Code::ProtocolInvalid, message))));
        }
        let ended = match ready!(polled) {
            Ok(Some(mut data)) => {
                let data = data.copy_to_bytes(data.remaining());
                match &mut this.missing {
                    Some(missing) if *missing < data.len() as u64 => {
                        Err(Error::new(Code::ProtocolInvalid, "the server sent more of a body than its content-length"))
                    }
                    missing => {
                        missing.iter_mut().for_each(|missing| *missing -= data.len() as u64);
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
            }
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
