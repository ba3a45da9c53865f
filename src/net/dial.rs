//! Dials the addresses of a name. Each has its turn, and the attempts before it go on beside it (RFC 8305).

use std::collections::VecDeque;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::{Future, Ready, poll_fn, ready};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tower_service::Service;

use super::classify;

/// How long an address is tried before the next one is too (RFC 8305 section 5).
const STEP: Duration = Duration::from_millis(250);
/// Attempts at a time. For one more the oldest is given up: a name may have thousands of addresses.
const ABREAST: usize = 16;

/// A dead peer is noticed after this long without an acknowledgement.
const USER_TIMEOUT: Duration = Duration::from_secs(30);
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 3;

type Dialled = Result<TokioIo<TcpStream>, Box<dyn StdError + Send + Sync>>;
type Attempt = Pin<Box<dyn Future<Output = Dialled> + Send>>;

/// Makes a TCP connection to one of these addresses and to no other.
pub struct Dialler {
    addresses: Vec<IpAddr>,
    deadline: Instant,
}

impl Dialler {
    /// One that gives every address its share of the time until then.
    pub fn new(addresses: Vec<IpAddr>, deadline: Instant) -> Self {
        Self { addresses: alternating(addresses), deadline }
    }
}

impl Service<Uri> for Dialler {
    type Response = TokioIo<TcpStream>;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = Attempt;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        Box::pin(race(self.addresses.clone(), self.deadline, to))
    }
}

/// The system's order, but no two of one family in a row while there are others (RFC 8305 section 4).
fn alternating(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let first_is_v6 = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (one, other): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let pairs = std::iter::from_fn(|| match (one.next(), other.next()) {
        (None, None) => None,
        pair => Some(pair),
    });
    pairs.flat_map(|(one, other)| one.into_iter().chain(other)).collect()
}

async fn race(addresses: Vec<IpAddr>, deadline: Instant, to: Uri) -> Dialled {
    let shares = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let step = STEP.min(deadline.saturating_duration_since(Instant::now()) / shares);
    let mut waiting = addresses.into_iter();
    let mut attempts = VecDeque::new();
    let mut failure = None;
    loop {
        if let Some(address) = waiting.next() {
            if attempts.len() == ABREAST {
                attempts.pop_front();
            }
            attempts.push_back(attempt(address, to.clone()));
        } else if attempts.is_empty() {
            return Err(failure.unwrap_or_else(|| "the name has no address".into()));
        }
        tokio::select! {
            biased;
            ended = first(&mut attempts) => match ended {
                Ok(tcp) => return Ok(tcp),
                Err(error) => failure = Some(more_telling(failure, error)),
            },
            () = sleep(step), if waiting.len() > 0 => {}
        }
    }
}

/// Without IPv6 such an address cannot be reached at all. That says less than that nobody listens at another one.
fn more_telling(
    known: Option<Box<dyn StdError + Send + Sync>>,
    new: Box<dyn StdError + Send + Sync>,
) -> Box<dyn StdError + Send + Sync> {
    known.filter(|known| classify::is_refused(known.as_ref())).unwrap_or(new)
}

/// The end of whichever attempt ends first.
async fn first(attempts: &mut VecDeque<Attempt>) -> Dialled {
    poll_fn(|cx| {
        let polled = attempts.iter_mut().enumerate().find_map(|(place, attempt)| match attempt.as_mut().poll(cx) {
            Poll::Ready(ended) => Some((place, ended)),
            Poll::Pending => None,
        });
        match polled {
            Some((place, ended)) => {
                attempts.remove(place);
                Poll::Ready(ended)
            }
            None => Poll::Pending,
        }
    })
    .await
}

fn attempt(address: IpAddr, to: Uri) -> Attempt {
    let mut dialler = HttpConnector::new_with_resolver(Judged(address));
    dialler.enforce_http(false);
    dialler.set_nodelay(true);
    dialler.set_keepalive(Some(KEEPALIVE));
    dialler.set_keepalive_interval(Some(KEEPALIVE));
    dialler.set_keepalive_retries(Some(KEEPALIVE_PROBES));
    dialler.set_tcp_user_timeout(Some(USER_TIMEOUT));
    Box::pin(async move { Ok(dialler.call(to).await?) })
}

/// Resolves every name to the one address that was judged.
#[derive(Clone)]
struct Judged(IpAddr);

impl Service<Name> for Judged {
    type Response = std::iter::Once<SocketAddr>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(Ok(std::iter::once(SocketAddr::new(self.0, 0))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let of = |texts: &[&str]| texts.iter().map(|text| text.parse().expect("an address")).collect::<Vec<IpAddr>>();
        for (given, tried) in [
            (&["::1", "::2", "::3", "1.0.0.1"][..], &["::1", "1.0.0.1", "::2", "::3"][..]),
            (&["1.0.0.1", "1.0.0.2", "::1", "::2", "::3"], &["1.0.0.1", "::1", "1.0.0.2", "::2", "::3"]),
            (&["1.0.0.2", "1.0.0.1"], &["1.0.0.2", "1.0.0.1"]),
            (&[], &[]),
        ] {
            assert_eq!(alternating(of(given)), of(tried));
        }
    }
}
