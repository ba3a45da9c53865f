//! Name resolution by getaddrinfo, so that the hosts file and NSS count as they do for every other program.

use std::net::IpAddr;

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType};
use nix::sys::signal::{SigSet, SigmaskHow};
use tokio::sync::oneshot;

use crate::error::{Code, Error};

/// Resolves a name to every address that the system gives for it, without duplicates and in its order.
///
/// getaddrinfo blocks and cannot be cancelled, so it has a thread of its own, which is left behind when nobody waits any
/// more. The thread is born with every signal blocked: the host's handlers must run on the host's threads.
pub async fn resolve(name: String) -> Result<Vec<IpAddr>, Error> {
    let (answer, waiting) = oneshot::channel();
    let thread = std::thread::Builder::new().name("outbound-dns".into()).stack_size(256 * 1024);
    with_signals_blocked(|| {
        thread.spawn(move || {
            // The receiver is gone when the deadline came first; nobody wants the answer then.
            let _ = answer.send(look_up(&name));
        })
    })
    .map_err(|_| Error::new(Code::DnsFailed, "no thread can be started for name resolution"))?;
    waiting.await.unwrap_or_else(|_| Err(Error::new(Code::DnsFailed, "name resolution ended without an answer")))
}

fn with_signals_blocked<T>(start: impl FnOnce() -> T) -> T {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let started = start();
    if let Ok(before) = before {
        // Setting a mask that was read a moment ago cannot fail.
        let _ = before.thread_set_mask();
    }
    started
}

fn look_up(name: &str) -> Result<Vec<IpAddr>, Error> {
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    let answers = dns_lookup::getaddrinfo(Some(name), None, Some(hints)).map_err(|error| match error.kind() {
        LookupErrorKind::NoName | LookupErrorKind::NoData => {
            Error::new(Code::DnsNotFound, "the host's name does not exist")
        }
        _ => Error::new(Code::DnsFailed, "the host's name could not be resolved; look at the system's resolver"),
    })?;
    let mut addresses = Vec::new();
    for answer in answers {
        let address = answer
            .map_err(|_| Error::new(Code::DnsFailed, "the resolver gave an address that cannot be read"))?
            .sockaddr
            .ip();
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    Ok(addresses)
}
