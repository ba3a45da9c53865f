//! The numbers that a call returns.

/// What a call returns. Negative values mean that the ABI was misused; `out` then holds nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// An HTTP response arrived, whatever its status, or the engine is open.
    Ok = 0,
    /// Refused or failed; `head` says why.
    Failed = 1,
    /// A pointer that must point somewhere is NULL.
    NullPointer = -1,
    /// A length is above the largest size of an object.
    LengthTooLarge = -2,
    /// No open engine has this handle.
    UnknownEngine = -3,
}
