//! Fetching a token: from the file that the workers of the host share, or from the token endpoint.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Uri};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::single_flight::SingleFlight;
use super::slot::SlotId;
use super::store::Store;
use super::token::{Moment, Token};
use super::{endpoint, request, response};
use crate::credential::Grant;
use crate::document::ByteLimit;
use crate::envelope::MasterKey;
use crate::error::{Code, Error};
use crate::net::Network;
use crate::sys::{random, wiped};

/// Cap of a token endpoint's response.
const RESPONSE: ByteLimit = ByteLimit { bytes: 64 * 1024, of: "a token response" };

/// How long a worker waits before it looks again whether another one has renewed the token.
const LEASE_PAUSE: Duration = Duration::from_millis(20);

/// How long an early renewal is left to the worker that began it. Its call may have ended before the token endpoint responded,
/// and then it goes on with that worker's next call.
const RENEWAL_LASTS: Duration = Duration::from_secs(30);

/// Where one credential's token comes from.
pub struct TokenSource {
    /// Who asks, and for what.
    pub grant: Grant,
    /// The token endpoint, as [`endpoint::check`] allowed it.
    pub uri: Uri,
    /// `user-agent` of the token request.
    pub user_agent: HeaderValue,
    /// How the token endpoint is reached.
    pub network: Arc<Network>,
    /// Where the workers of the host share their tokens.
    pub shared: Option<SharedStore>,
    /// How long a fetch may take, whoever waits for it.
    pub time_limit: Duration,
}

/// A shared store, and the keys to it.
pub struct SharedStore {
    /// The store.
    pub store: Store,
    /// The master keys, in their order.
    pub keys: Vec<Arc<MasterKey>>,
}

impl SharedStore {
    fn read(&self, slot: &SlotId, fetch: &SingleFlight) -> Option<Token> {
        let now = Moment::now();
        let found = self.store.read(slot, &self.keys, now.unix())?;
        let token = Token::shared(found, now, random::number());
        (Some(token.id()) != fetch.replaces && token.is_current(now)).then_some(token)
    }
}

/// Fetches, for everybody who waits. `asking` is told of every token request before it leaves.
pub async fn fetch(
    source: &TokenSource,
    slot: &SlotId,
    fetch: &SingleFlight,
    asking: impl Fn(),
) -> Result<Token, Error> {
    let Some(shared) = &source.shared else { return ask(source, fetch.deadline, asking).await };
    loop {
        if let Some(token) = shared.read(slot, fetch) {
            return Ok(token);
        }
        // Nobody waits for a fetch that is paused, and it must not keep the others from theirs.
        if !fetch.is_paused() {
            let quiet = if fetch.is_needed() { Duration::ZERO } else { RENEWAL_LASTS };
            match shared.store.try_lease_among(slot, quiet, fetch.substitutes()) {
                Ok(lease) => {
                    if lease.is_some_and(|lease| fetch.hold(lease)) {
                        break;
                    }
                }
                // Without a lease the token is fetched all the same, and not shared.
                Err(_) => return ask(source, fetch.deadline, asking).await,
            }
        }
        sleep(LEASE_PAUSE).await;
    }
    // Another may have renewed it just before the lease was free.
    if let Some(token) = shared.read(slot, fetch) {
        drop(fetch.take_lease());
        return Ok(token);
    }
    let asked = ask(source, fetch.deadline, asking).await;
    // A fetch that was paused has given its lease back. It takes it again if nobody else has it; if somebody has, that one
    // writes a token.
    let lease = fetch.take_lease().or_else(|| shared.store.try_lease(slot).ok().flatten());
    let token = asked?;
    if let Some(later) = shared.read(slot, fetch).filter(|found| found.is_later_than(&token)) {
        // This process was stopped, and another one has asked in its place.
        return Ok(later);
    }
    if let Some(lease) = lease {
        // A file that cannot be written costs the others a token request each.
        let _ = shared.store.write(&lease, &token.stored(), &shared.keys);
    }
    Ok(token)
}

/// One token request.
async fn ask(source: &TokenSource, deadline: Instant, asking: impl Fn()) -> Result<Token, Error> {
    let (asked, grant) = (Moment::now(), &source.grant);
    let request = wiped(|| request::token_request(grant, &source.uri, &source.user_agent, asked.unix()))?;
    asking();
    let response = source.network.one_shot(request, RESPONSE, deadline).await.map_err(failed)?;
    let body = Zeroizing::new(response.body);
    let granted = wiped(|| response::read(response.status, &body, grant.token_member(), grant.token_type.as_deref()))?;
    Ok(Token::granted(granted.token, asked, granted.lifetime, random::number()))
}

/// What a failed exchange with the token endpoint is to the caller, whose own request never left.
fn failed(error: Error) -> Error {
    match error.code.class() {
        "policy" => endpoint::refused(Error::new(error.code, error.message)),
        "response" => response::invalid(&error.message),
        "protocol" if error.code != Code::ClosedEarly => response::invalid(&error.message),
        _ => response::unreachable(&error.message),
    }
}
