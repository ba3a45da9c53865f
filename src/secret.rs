//! The one type that secret bytes live in, and the form in which they stay.

use std::fmt;

use zeroize::Zeroizing;

use crate::sys::LockedPages;

/// Secret bytes: wiped on drop, and without a form that shows, copies or serialises them.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over. The caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for as long as the borrow lasts.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

/// A secret that outlives the call that brought it: in pages of its own, locked in memory and left out of core dumps. Where
/// the system has no such page, in ordinary memory. Each takes a page, so it is for few and lasting ones.
pub struct Kept(Place);

enum Place {
    Pages(LockedPages),
    Ordinary(Secret),
}

impl Kept {
    /// Moves a secret to where it can stay.
    pub fn new(secret: Secret) -> Self {
        Self(LockedPages::holding(secret.expose()).map_or(Place::Ordinary(secret), Place::Pages))
    }

    /// The bytes, for as long as the borrow lasts.
    pub fn expose(&self) -> &[u8] {
        match &self.0 {
            Place::Pages(pages) => pages.bytes(),
            Place::Ordinary(secret) => secret.expose(),
        }
    }

    /// Whether this process keeps it out of swap space and core dumps. Limits can forbid that (RLIMIT_MEMLOCK).
    pub fn is_locked(&self) -> bool {
        match &self.0 {
            Place::Pages(pages) => pages.is_locked(),
            Place::Ordinary(_) => false,
        }
    }

    /// Locks it again, in a process that inherited it: a fork keeps no locks.
    pub fn lock(&self) {
        if let Place::Pages(pages) = &self.0 {
            pages.lock();
        }
    }
}

/// Whether both are the same bytes, in a time that tells nothing of where they differ.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    let difference = |(one, other): (&u8, &u8)| one ^ other;
    one.len() == other.len() && one.iter().zip(other).map(difference).fold(0, |all, one| all | one) == 0
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept([redacted])")
    }
}

/// Does not compile where a type of secrets has one of the traits: then two implementations of the helper fit, and none is
/// meant.
macro_rules! lacks {
    ($secret:ty: $($capability:path),+) => {
        $(const _: fn() = || {
            trait Either<Which> {
                fn chosen() {}
            }
            struct Any;
            struct Capable;
            impl<T: ?Sized> Either<Any> for T {}
            impl<T: ?Sized + $capability> Either<Capable> for T {}
            <$secret as Either<_>>::chosen();
        };)+
    };
}
pub(crate) use lacks;

lacks!(Secret: Clone, fmt::Display, serde::Serialize, AsRef<[u8]>, std::ops::Deref, PartialEq, std::hash::Hash);
lacks!(Kept: Clone, fmt::Display, serde::Serialize, AsRef<[u8]>, std::ops::Deref, PartialEq, std::hash::Hash);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let secret = || Secret::new(b"s3cr3t".to_vec());
        assert_eq!(format!("{:?} {:?}", secret(), Kept::new(secret())), "Secret([redacted]) Kept([redacted])");
    }

    #[test]
    fn what_is_kept_is_what_came() {
        let kept = Kept::new(Secret::new(b"s3cr3t".to_vec()));
        assert!(same(kept.expose(), b"s3cr3t") && kept.is_locked());
        assert!(!same(kept.expose(), b"s3cr3T") && !same(kept.expose(), b"s3cr3"));
    }
}
