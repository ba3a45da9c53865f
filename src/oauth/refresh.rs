//! Refreshing: a refresh token is sent by one process at a time, and what comes of it is on the disk before it counts.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::ask::exchange;
use super::lease::{LEASE_PAUSE, Lease, RENEWAL_LASTS};
use super::question::Question;
use super::record::Record;
use super::refresh_store::unavailable;
use super::response::{Granted, unreachable};
use super::single_flight::SingleFlight;
use super::slot::SlotId;
use super::source::{KeptTokens, TokenSource};
use super::token::{Moment, Token};
use super::under_way::UnderWay;
use crate::credential::{Consent, Grant};
use crate::error::{Code, Error, Sent};
use crate::secret::Secret;
use crate::sys::{random, wiped};

/// How long after it was sent a refresh may take until its answer is kept.
const ANSWERED: Duration = Duration::from_secs(10);

/// How long it waits before it tries once more to keep an answer.
const KEEPING_PAUSE: Duration = Duration::from_millis(100);

/// What is known of a consent.
enum Known {
    /// An access token that may be sent.
    Token(Token),
    /// The refresh token that was given last; none where it is still the first one.
    Refresh(Option<Secret>),
}

impl KeptTokens {
    fn look(&self, slot: &SlotId, fetch: &SingleFlight) -> Result<Known, Error> {
        let now = Moment::now();
        match wiped(|| self.store.read(slot, &self.keys))? {
            None => Ok(Known::Refresh(None)),
            Some(Record::Refused) => Err(consent_required("the token endpoint has refused the refresh token")),
            Some(Record::Serves { refresh, access }) => {
                let token = Token::shared(access, now, random::number());
                let serves = Some(token.id()) != fetch.replaces && token.is_current(now);
                Ok(if serves { Known::Token(token) } else { Known::Refresh(Some(refresh)) })
            }
        }
    }
}

/// Gets an access token, for everybody who waits. From the moment at which the refresh token is sent this comes to its end, whoever waits.
/// `asking` is told of the request before it leaves.
pub async fn refresh(
    source: &TokenSource,
    grant: &Grant,
    consent: &Consent,
    kept: &KeptTokens,
    slot: &SlotId,
    fetch: &SingleFlight,
    asking: impl Fn(),
) -> Result<Token, Error> {
    let late = |_| unreachable("another process is refreshing the token and has not ended in time");
    let turn = timeout_at(fetch.deadline, turn(kept, slot, fetch)).await.map_err(late)??;
    let (lease, _under_way) = match turn {
        Turn::Token(token) => return Ok(token),
        Turn::Lease(lease, under_way) => (lease, under_way),
    };
    // Another may have refreshed it just before the lease was free.
    let last = match kept.look(slot, fetch)? {
        Known::Token(token) => return Ok(token),
        Known::Refresh(last) => last,
    };
    let is_repeated = kept.store.is_begun(slot);
    kept.store.begin(&lease)?;
    let until = Instant::now() + ANSWERED;
    let refresh = last.as_ref().unwrap_or(&consent.first);
    match exchange(source, &Question::Grant(grant, Some(refresh)), until, asking).await {
        Ok((asked, granted)) => {
            let Granted { token, lifetime, refresh: next } = granted;
            let token = Token::granted(token, asked, lifetime, random::number());
            // An endpoint that gives no other one wants the same again (RFC 6749 section 6).
            let refresh = next.or(last).unwrap_or_else(|| Secret::new(consent.first.expose().to_vec()));
            keep(kept, &lease, &Record::Serves { refresh, access: token.stored() }, until).await?;
            wiped(|| kept.store.seal_again(&kept.keys));
            Ok(token)
        }
        Err(error) if error.code == Code::ConsentRequired => {
            // Where this cannot be kept, the next one asks once more and hears the same.
            let _ = keep(kept, &lease, &Record::Refused, until).await;
            Err(consent_required(match is_repeated {
                false => "the token endpoint refuses the refresh token",
                true => "the token endpoint refuses the refresh token, after a refresh whose answer was lost",
            }))
        }
        Err(error) => {
            // Otherwise nobody knows which refresh token is the last, and the mark says so.
            if error.sent == Sent::No || matches!(error.code, Code::TokenEndpointRejected | Code::ClockSkew) {
                kept.store.forget(&lease);
            }
            Err(error.sent(Sent::No))
        }
    }
}

/// What came of waiting for one's turn.
enum Turn {
    Token(Token),
    Lease(Lease, UnderWay),
}

async fn turn(kept: &KeptTokens, slot: &SlotId, fetch: &SingleFlight) -> Result<Turn, Error> {
    loop {
        if let Known::Token(token) = kept.look(slot, fetch)? {
            return Ok(Turn::Token(token));
        }
        // Nobody waits for a fetch that is paused, and it must not keep the others from theirs.
        if !fetch.is_paused() {
            let quiet = if fetch.is_early() { RENEWAL_LASTS } else { Duration::ZERO };
            match kept.store.try_lease(slot, quiet)? {
                Some(lease) if fetch.commit() => return Ok(Turn::Lease(lease, UnderWay::begin())),
                // The token that serves may as well be refreshed by the next call.
                None if fetch.is_early() => return Err(unreachable("another process is refreshing the token")),
                Some(_) | None => {}
            }
        }
        sleep(LEASE_PAUSE).await;
    }
}

/// Puts the record on the disk, and tries until its time is over: what is not there is lost with this process.
async fn keep(kept: &KeptTokens, lease: &Lease, record: &Record, until: Instant) -> Result<(), Error> {
    loop {
        match wiped(|| kept.store.keep(lease, record, &kept.keys)) {
            Ok(()) => return Ok(()),
            Err(_) if Instant::now() < until => sleep(KEEPING_PAUSE).await,
            Err(_) => return Err(unavailable("cannot be written, and the answer to a refresh is lost")),
        }
    }
}

fn consent_required(why: &str) -> Error {
    Error::new(
        Code::ConsentRequired,
        format!("{why}: somebody has to consent anew, and what comes of that to be sealed"),
    )
}
