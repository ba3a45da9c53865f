//! A body on the wire whose beginning may have been looked at.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Instant, timeout_at};

use super::classify;
use crate::error::Error;

/// A body on the wire.
pub enum Incoming {
    /// Over HTTP/1.1 or HTTP/2.
    Tcp(hyper::body::Incoming),
    /// Over HTTP/3.
    #[cfg_attr(not(feature = "http3"), allow(dead_code, reason = "only the other build has one"))]
    Http3(Pin<Box<dyn Body<Data = Bytes, Error = Error> + Send>>),
}

impl Incoming {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self {
            Self::Tcp(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(|error| classify::transfer_error(&error)))),
            Self::Http3(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Tcp(body) => body.is_end_stream(),
            Self::Http3(body) => body.is_end_stream(),
        }
    }
}

/// A body of which what was looked at comes first when it is read, and so does the failure that ended the look.
pub struct Lookahead {
    seen: VecDeque<Result<Frame<Bytes>, Error>>,
    rest: Incoming,
}

impl Lookahead {
    /// A body that nobody has looked at.
    pub fn new(rest: Incoming) -> Self {
        Self { seen: VecDeque::new(), rest }
    }

    /// What comes of it by `until`, not much more than `most` bytes. It stays to be read.
    pub async fn look(&mut self, most: usize, until: Instant) -> Vec<u8> {
        let mut bytes = Vec::new();
        let looked = async {
            while bytes.len() < most
                && let Some(frame) = poll_fn(|cx| self.rest.poll_frame(cx)).await
            {
                bytes.extend_from_slice(frame.as_ref().ok().and_then(Frame::data_ref).map_or(&[], |data| data));
                let failed = frame.is_err();
                self.seen.push_back(frame);
                if failed {
                    break;
                }
            }
        };
        // What has come by then is what there is to look at.
        let _ = timeout_at(until, looked).await;
        bytes
    }
}

impl Body for Lookahead {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.seen.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => self.rest.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.seen.is_empty() && self.rest.is_end_stream()
    }
}
