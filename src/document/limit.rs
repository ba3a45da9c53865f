//! How many bytes a body may have.

/// A limit, and who sets it: a caller that exceeds it has to know what to raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteLimit {
    /// How many bytes are allowed.
    pub bytes: u64,
    /// The key of a document, such as `policy.response_bytes`, or what else sets it.
    pub of: &'static str,
}

impl ByteLimit {
    /// The lower one; of two equal ones this one.
    pub fn least(self, other: Self) -> Self {
        if other.bytes < self.bytes { other } else { self }
    }

    /// Says that something is larger.
    pub fn exceeded_by(self, what: &str) -> String {
        format!("{what} is larger than {} bytes, the limit of {}", self.bytes, self.of)
    }
}
