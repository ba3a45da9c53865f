//! What a caller has at a time, and whether it may have more. It outlives a configuration that is read anew.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A caller: a user on one of the sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The name of the socket; the first one has none.
    pub socket: Option<&'static str>,
    /// The number of the user, as the kernel says it.
    pub uid: u32,
}

/// What there is a limit of.
pub const LIMITS: [&str; 3] = ["connections", "calls", "bytes"];

/// Connections, calls and bytes in use: of one caller, or of all.
#[derive(Debug, Default)]
pub struct Account {
    connections: AtomicUsize,
    calls: AtomicUsize,
    bytes: AtomicU64,
    refused: [AtomicU64; LIMITS.len()],
}

impl Account {
    /// What is in use, in the order of `LIMITS`.
    pub fn used(&self) -> [u64; LIMITS.len()] {
        let number = |counter: &AtomicUsize| u64::try_from(counter.load(Ordering::Relaxed)).unwrap_or(u64::MAX);
        [number(&self.connections), number(&self.calls), self.bytes.load(Ordering::Relaxed)]
    }

    /// How often something was refused at a limit, in the same order.
    pub fn refused(&self) -> [u64; LIMITS.len()] {
        self.refused.each_ref().map(|refused| refused.load(Ordering::Relaxed))
    }
}

/// One more of something, until it is dropped.
pub struct Held {
    account: Arc<Account>,
    what: What,
}

#[derive(Clone, Copy)]
enum What {
    Connection,
    Call,
    Bytes(u64),
}

impl Held {
    /// A connection, if there may be one more.
    pub fn connection(account: &Arc<Account>, most: usize) -> Option<Self> {
        let grown = grown(&account.connections, most);
        Self::of(account, What::Connection, grown)
    }

    /// A call, if there may be one more.
    pub fn call(account: &Arc<Account>, most: usize) -> Option<Self> {
        let grown = grown(&account.calls, most);
        Self::of(account, What::Call, grown)
    }

    /// So many bytes, if there may be as many more.
    pub fn bytes(account: &Arc<Account>, bytes: u64, most: u64) -> Option<Self> {
        let more = |now: u64| now.checked_add(bytes).filter(|then| *then <= most);
        let grown = account.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        Self::of(account, What::Bytes(bytes), grown)
    }

    fn of(account: &Arc<Account>, what: What, grown: bool) -> Option<Self> {
        if !grown {
            let [connections, calls, bytes] = &account.refused;
            let limit = match what {
                What::Connection => connections,
                What::Call => calls,
                What::Bytes(_) => bytes,
            };
            limit.fetch_add(1, Ordering::Relaxed);
        }
        grown.then(|| Self { account: Arc::clone(account), what })
    }
}

fn grown(counter: &AtomicUsize, most: usize) -> bool {
    let more = |now: usize| now.checked_add(1).filter(|then| *then <= most);
    counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
}

impl Drop for Held {
    fn drop(&mut self) {
        match self.what {
            What::Connection => drop(self.account.connections.fetch_sub(1, Ordering::Relaxed)),
            What::Call => drop(self.account.calls.fetch_sub(1, Ordering::Relaxed)),
            What::Bytes(bytes) => drop(self.account.bytes.fetch_sub(bytes, Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_had_again() {
        let account = Arc::new(Account::default());
        let two = [Held::call(&account, 2), Held::call(&account, 2)];
        assert!(two.iter().all(Option::is_some));
        assert!(Held::call(&account, 2).is_none());
        drop(two);
        assert!(Held::call(&account, 1).is_some());
        let held = Held::bytes(&account, 700, 1000);
        assert!(Held::bytes(&account, 301, 1000).is_none() && Held::bytes(&account, u64::MAX, u64::MAX).is_none());
        assert!(held.is_some() && Held::bytes(&account, 300, 1000).is_some());
        assert_eq!((account.used(), account.refused()), ([0, 0, 700], [0, 1, 2]));
    }
}
