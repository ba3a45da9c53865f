//! Fetching a token: from the file that the workers of the host share, or from the token endpoint.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Uri};
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::flight::Flight;
use super::token::{Moment, Token};
use super::{SlotId, Store, answer, ask, endpoint};
use crate::credential::ClientCredentials;
use crate::document::ByteLimit;
use crate::envelope::MasterKey;
use crate::error::{Code, Error};
use crate::net::Network;
use crate::sys::{random, wiped};

/// Cap of a token endpoint's answer.
const RESPONSE: ByteLimit = ByteLimit { bytes: 64 * 1024, of: "a token response" };

/// How long a worker waits before it looks again whether another one has renewed the token.
const LEASE_PAUSE: Duration = Duration::from_millis(20);

/// How long an early renewal is left to the worker that began it. Its call may have ended before the token endpoint answered,
/// and then it goes on with that worker's next call.
const RENEWAL_STANDS: Duration = Duration::from_secs(30);

/// What it takes to fetch one credential's token.
pub struct Errand {
    /// Who asks, and for what.
    pub client: ClientCredentials,
    /// The token endpoint, as [`endpoint::check`] allowed it.
    pub uri: Uri,
    /// `user-agent` of the token request.
    pub user_agent: HeaderValue,
    /// How the token endpoint is reached.
    pub network: Arc<Network>,
    /// Where the workers of the host share their tokens.
    pub shared: Option<Shared>,
    /// How long a fetch may take, whoever waits for it.
    pub time_limit: Duration,
}

/// A shared store, and the keys to it.
pub struct Shared {
    /// The store.
    pub store: Store,
    /// The master keys, in their order.
    pub keys: Vec<Arc<MasterKey>>,
}

impl Shared {
    fn read(&self, slot: &SlotId, flight: &Flight) -> Option<Token> {
        let now = Moment::now();
        let found = self.store.read(slot, &self.keys, now.unix())?;
        let token = Token::shared(found, now, random::number());
        (Some(token.id()) != flight.replaces && token.is_current(now)).then_some(token)
    }
}

/// Fetches. `asking` is told of every token request before it leaves.
pub async fn fetch(errand: &Errand, slot: &SlotId, flight: &Flight, asking: impl Fn()) -> Result<Token, Error> {
    let Some(shared) = &errand.shared else { return request(errand, flight.deadline, asking).await };
    loop {
        if let Some(token) = shared.read(slot, flight) {
            return Ok(token);
        }
        // Nobody waits for a fetch that is paused, and it must not keep the others from theirs.
        if !flight.is_deserted() {
            let quiet = if flight.is_urgent() { Duration::ZERO } else { RENEWAL_STANDS };
            match shared.store.try_lease_among(slot, quiet, flight.stand_ins()) {
                Ok(lease) => {
                    if lease.is_some_and(|lease| flight.hold(lease)) {
                        break;
                    }
                }
                // Without a lease there is no sharing, and a token all the same.
                Err(_) => return request(errand, flight.deadline, asking).await,
            }
        }
        sleep(LEASE_PAUSE).await;
    }
    // Another may have renewed it just before the lease was free.
    if let Some(token) = shared.read(slot, flight) {
        drop(flight.unload());
        return Ok(token);
    }
    let fetched = request(errand, flight.deadline, asking).await;
    // The lease went if the fetch was paused. If nobody else has it now, it comes back; if somebody has, theirs will do.
    let lease = flight.unload().or_else(|| shared.store.try_lease(slot).ok().flatten());
    let token = fetched?;
    if let Some(later) = shared.read(slot, flight).filter(|found| found.is_later_than(&token)) {
        // This process was stopped, and another one has asked in its place.
        return Ok(later);
    }
    if let Some(lease) = lease {
        // A file that cannot be written costs the others a token request each.
        let _ = lease.write(&token.stored(), &shared.keys);
    }
    Ok(token)
}

/// One token request.
async fn request(errand: &Errand, deadline: Instant, asking: impl Fn()) -> Result<Token, Error> {
    let request = ask::token_request(&errand.client, &errand.uri, &errand.user_agent)?;
    asking();
    let asked = Moment::now();
    let (status, body) = errand.network.single(request, RESPONSE, deadline).await.map_err(failed)?;
    let body = Zeroizing::new(body);
    let grant = wiped(|| answer::read(status, &body, errand.client.token_type.as_deref()))?;
    Ok(Token::granted(grant.token, asked, grant.lifetime, random::number()))
}

/// What a failed exchange with the token endpoint is to the caller, whose own request never left.
fn failed(error: Error) -> Error {
    match error.code.class() {
        "policy" => endpoint::refused(Error::new(error.code, error.message)),
        "response" => answer::invalid(&error.message),
        "protocol" if error.code != Code::ClosedEarly => answer::invalid(&error.message),
        _ => answer::unreachable(&error.message),
    }
}
