//! What comes in.

/// One call, as it comes in.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The request head, JSON.
    pub request: &'a [u8],
    /// The request's body.
    pub body: &'a [u8],
    /// The envelope of one credential, or a JSON array of those of several.
    pub sealed: &'a [u8],
}
