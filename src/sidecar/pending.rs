//! A call that is decided about and not made yet.

use std::sync::Arc;

use tokio::time::Instant;

use super::account::Held;
use super::configuration::{EnvelopeOwner, OwnedService};
use super::credit::Taken;
use super::documents::{BodyForm, CallDocument, ResponseForm};
use super::frame::{Kind, Pieces, SocketFrame};
use super::peer::{Gone, Peer};
use super::records::Asker;
use super::rights::Rights;
use crate::engine::{Decided, Engine, RequestBody};

/// The longest envelopes of a call together.
pub const SEALED_BYTES: usize = 4 << 20;

/// A call that is allowed and waits for its body, or for the first piece of it.
pub struct PendingCall {
    pub asker: Asker,
    pub service: Arc<OwnedService>,
    pub engine: Arc<Engine>,
    pub rights: Arc<Rights>,
    pub decided: Decided,
    pub deadline: Instant,
    pub total: Instant,
    pub form: ResponseForm,
    pub body: AwaitedBody,
    pub sealed: Pieces,
    /// For envelopes that do not fit into one frame.
    pub room: Option<[Held; 2]>,
    pub place: Held,
    pub memory: [Held; 2],
}

/// The request's body of a call that waits for it.
pub enum AwaitedBody {
    /// The call is made when all of it is there.
    Whole {
        /// What has arrived.
        bytes: Vec<u8>,
        /// How long it will be.
        length: usize,
        /// What may arrive.
        credit: Taken,
    },
    /// The call is made when its first piece is there.
    Pieces {
        /// How long it is, if its caller knows.
        length: Option<u64>,
    },
}

impl PendingCall {
    /// Whether this frame has more of its envelopes than fit into one, and there is no room for them yet.
    pub fn needs_room(&self, frame: SocketFrame) -> bool {
        frame.kind == Kind::Sealed && self.room.is_none() && !(frame.last && self.sealed.is_empty())
    }

    /// Takes a piece of a call. Says whether the call can be made; a piece of a body in pieces is its first one.
    pub fn receive(&mut self, frame: SocketFrame, payload: &[u8], peer: &Peer) -> Result<bool, Gone> {
        match (frame.kind, &mut self.body) {
            (Kind::Sealed, body) if self.service.envelopes == EnvelopeOwner::Caller && !body.has_begun() => {
                self.sealed.add(payload, SEALED_BYTES).map_err(|_| Gone)?;
                Ok(false)
            }
            (Kind::Body, AwaitedBody::Pieces { .. }) => Ok(true),
            (Kind::Body, AwaitedBody::Whole { bytes, length, credit }) => {
                if bytes.len() + payload.len() > *length {
                    return Err(Gone);
                }
                let credit = credit.take(payload.len()).map_err(|_| Gone)?;
                bytes.extend_from_slice(payload);
                if let Some(more) = credit.filter(|_| !frame.last) {
                    peer.out.tell(Kind::Credit, frame.id, &more.to_be_bytes());
                }
                Ok(frame.last)
            }
            _ => Err(Gone),
        }
    }
}

impl AwaitedBody {
    /// The body of a call that nothing has come of.
    pub fn of(document: &CallDocument) -> Self {
        match document.body {
            BodyForm::Pieces => Self::Pieces { length: document.body_bytes },
            BodyForm::Whole => Self::Whole {
                bytes: Vec::new(),
                // The decision has compared it with the limit of a request's body, so it fits.
                length: document.body_bytes.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX),
                credit: Taken::default(),
            },
        }
    }

    fn has_begun(&self) -> bool {
        matches!(self, Self::Whole { bytes, .. } if !bytes.is_empty())
    }

    /// The body as the engine takes it.
    pub fn as_request(&self) -> RequestBody<'_> {
        match self {
            Self::Whole { bytes, .. } => RequestBody::Whole(bytes),
            Self::Pieces { length } => RequestBody::InPieces { length: *length },
        }
    }
}
