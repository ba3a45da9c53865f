//! Secret bytes that outlive the call that brought them.

use std::fmt;

use super::lacks::lacks;
use super::value::Secret;
use crate::sys::LockedPages;

/// A secret that stays: in pages of its own, locked in memory and left out of core dumps. Where the system has no such page,
/// in ordinary memory. Each takes a page, so it is for few and lasting ones.
pub struct LockedSecret(Memory);

enum Memory {
    Pages(LockedPages),
    Ordinary(Secret),
}

impl LockedSecret {
    /// Moves a secret to where it can stay.
    pub fn new(secret: Secret) -> Self {
        Self(LockedPages::holding(secret.expose()).map_or(Memory::Ordinary(secret), Memory::Pages))
    }

    /// The bytes, for as long as the borrow lasts.
    pub fn expose(&self) -> &[u8] {
        match &self.0 {
            Memory::Pages(pages) => pages.bytes(),
            Memory::Ordinary(secret) => secret.expose(),
        }
    }

    /// Whether this process keeps it out of swap space and core dumps. Limits can forbid that (RLIMIT_MEMLOCK).
    pub fn is_locked(&self) -> bool {
        match &self.0 {
            Memory::Pages(pages) => pages.is_locked(),
            Memory::Ordinary(_) => false,
        }
    }

    /// Locks it again, in a process that inherited it: a fork keeps no locks.
    pub fn lock(&self) {
        if let Memory::Pages(pages) = &self.0 {
            pages.lock();
        }
    }
}

impl fmt::Debug for LockedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LockedSecret([redacted])")
    }
}

lacks!(LockedSecret: Clone, fmt::Display, serde::Serialize, AsRef<[u8]>, std::ops::Deref, PartialEq, std::hash::Hash);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_came_locked_and_shows_nothing() {
        let locked = LockedSecret::new(Secret::new(b"s3cr3t".to_vec()));
        assert_eq!(locked.expose(), b"s3cr3t");
        assert!(locked.is_locked());
        assert_eq!(format!("{locked:?}"), "LockedSecret([redacted])");
    }
}
