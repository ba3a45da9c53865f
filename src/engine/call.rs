//! What comes in.

/// The body of a request, as it comes in.
#[derive(Clone, Copy)]
pub enum RequestBody<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It comes while it is sent, by [`Ongoing::write`](super::Ongoing::write), and is sent once.
    InPieces {
        /// How long it is, if that is known.
        length: Option<u64>,
    },
}

impl RequestBody<'_> {
    /// How long it is; 0 where that is not known.
    pub fn known_length(self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::InPieces { length } => length.unwrap_or_default(),
        }
    }
}

/// One call, as it comes in.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The request head, JSON.
    pub request: &'a [u8],
    /// The request's body.
    pub body: RequestBody<'a>,
    /// The envelope of one credential, or a JSON array of those of several.
    pub sealed: &'a [u8],
}
