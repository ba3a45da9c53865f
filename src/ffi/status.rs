//! The numbers that a call returns.

/// What a call returns. Negative values mean that the ABI was misused; `out` then holds nothing.
/// C has one namespace for the constants of all libraries, hence the long names.
#[allow(clippy::enum_variant_names)]
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// An HTTP response arrived, whatever its status, or the engine is open.
    SecureOutboundOk = 0,
    /// Refused or failed; `head` says why.
    SecureOutboundFailed = 1,
    /// Nothing is there yet.
    SecureOutboundPending = 2,
    /// The body of a response is whole, and all of it was given; or no more of a request is wanted.
    SecureOutboundEnd = 3,
    /// A pointer that must point somewhere is NULL.
    SecureOutboundNullPointer = -1,
    /// A length is above the largest size of an object.
    SecureOutboundLengthTooLarge = -2,
    /// No open engine has this handle.
    SecureOutboundUnknownEngine = -3,
    /// No call that was decided about has this number, or it has been sent.
    SecureOutboundUnknownCall = -4,
    /// No exchange has this number, or it was ended.
    SecureOutboundUnknownExchange = -5,
}
