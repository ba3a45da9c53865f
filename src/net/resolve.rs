//! Name resolution by getaddrinfo, so that the hosts file and NSS count as they do for every other program.

use std::collections::HashMap;
use std::net::IpAddr;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType};
use nix::sys::signal::{SigSet, SigmaskHow};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::error::{Code, Error};
use crate::sys::lock;

/// Lookups at a time, each of them a thread.
const LOOKUPS: usize = 16;
/// How long others join a lookup. The resolver repeats a question that was lost only after seconds, so a new lookup has its
/// answer sooner.
const FRESH: Duration = Duration::from_secs(1);
/// Lookups of one name at a time, so that a name server without an answer leaves room for other names.
const LOOKUPS_OF_A_NAME: usize = 2;
const STACK: usize = 256 * 1024;
const PAGE: usize = 4096;

type Answer = Result<Vec<IpAddr>, Error>;

/// The lookups of a process. A forked child has its own.
///
/// getaddrinfo blocks and cannot be cancelled, so each lookup has a thread, which is left behind when nobody waits for it any
/// more. It has no memory of a call but the name.
pub struct Lookups {
    names: Mutex<HashMap<String, Vec<Weak<Lookup>>>>,
    room: Arc<Semaphore>,
    stack: usize,
}

impl Default for Lookups {
    fn default() -> Self {
        // The C library gives a new thread the stack of one that has ended. In a child all threads of the parent have ended
        // at once: one may have been in the middle of a lookup, and the state of its resolver is still on its stack, with a
        // socket on which parent and child would take each other's answers. Stacks from before the fork are too small for
        // the threads of a child.
        static GENERATIONS: AtomicUsize = AtomicUsize::new(0);
        let generation = GENERATIONS.fetch_add(1, Ordering::Relaxed);
        Self {
            names: Mutex::default(),
            room: Arc::new(Semaphore::new(LOOKUPS)),
            stack: STACK + generation.saturating_mul(PAGE),
        }
    }
}

/// One lookup, and those who wait for it.
struct Lookup {
    wanted: Instant,
    begun: AtomicBool,
    answer: watch::Sender<Option<Answer>>,
}

impl Lookups {
    /// Resolves a name to every address that the system gives for it, without duplicates and in its order. Who asks while the
    /// name is looked up shares the answer.
    pub async fn resolve(&self, name: &str) -> Answer {
        let lookup = self.join(name);
        let mut answer = lookup.answer.subscribe();
        if !lookup.begun.load(Ordering::Acquire) {
            tokio::select! {
                biased;
                _ = answer.wait_for(Option::is_some) => {}
                Ok(place) = Arc::clone(&self.room).acquire_owned() => {
                    if !lookup.begun.swap(true, Ordering::AcqRel) {
                        self.begin(name.to_owned(), Arc::clone(&lookup), place)?;
                    }
                }
            }
        }
        let answer = answer.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
        answer.unwrap_or_else(no_answer)
    }

    /// The lookup of a name that is to be waited for.
    fn join(&self, name: &str) -> Arc<Lookup> {
        let mut names = lock(&self.names);
        names.retain(|_, lookups| {
            lookups.retain(|lookup| lookup.strong_count() > 0);
            !lookups.is_empty()
        });
        let known = names.entry(name.to_owned()).or_default();
        let running: Vec<_> = known.iter().filter_map(Weak::upgrade).filter(|lookup| lookup.is_running()).collect();
        if let Some(newest) = running.last()
            && (!newest.begun.load(Ordering::Acquire)
                || newest.wanted.elapsed() < FRESH
                || running.len() >= LOOKUPS_OF_A_NAME)
        {
            return Arc::clone(newest);
        }
        let (answer, _) = watch::channel(None);
        let lookup = Arc::new(Lookup { wanted: Instant::now(), begun: AtomicBool::new(false), answer });
        known.push(Arc::downgrade(&lookup));
        lookup
    }

    /// Starts the thread, which is born with every signal blocked: the host's handlers must run on the host's threads.
    fn begin(&self, name: String, lookup: Arc<Lookup>, place: OwnedSemaphorePermit) -> Result<(), Error> {
        let thread = std::thread::Builder::new().name("outbound-dns".into()).stack_size(self.stack);
        let ending = Arc::clone(&lookup);
        let started = with_signals_blocked(|| {
            thread.spawn(move || {
                // After a panic that nobody catches, those who wait would wait until their deadlines.
                let answer = catch_unwind(|| look_up(&name)).unwrap_or_else(|_| no_answer());
                drop(place);
                lookup.answer.send_replace(Some(answer));
            })
        });
        started.map(drop).map_err(|_| {
            let error = Error::new(Code::DnsFailed, "no thread can be started for name resolution");
            ending.answer.send_replace(Some(Err(error.clone())));
            error
        })
    }
}

impl Lookup {
    fn is_running(&self) -> bool {
        self.answer.borrow().is_none()
    }
}

fn no_answer() -> Answer {
    Err(Error::new(Code::DnsFailed, "name resolution ended without an answer"))
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

fn look_up(name: &str) -> Answer {
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
