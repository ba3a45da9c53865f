//! Fetching a token: from the file that the workers of the host share, or from the token endpoint.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::single_flight::SingleFlight;
use super::slot::SlotId;
use super::store::Store;
use super::token::{Moment, Token};
use super::{assertion, endpoint, request, response};
use crate::credential::clock::Skew;
use crate::credential::{Grant, Jwt, Provenance};
use crate::document::ByteLimit;
use crate::envelope::MasterKey;
use crate::error::{Code, Error};
use crate::net::Network;
use crate::sys::{lock, random, wiped};

/// Cap of a token endpoint's response.
const RESPONSE: ByteLimit = ByteLimit { bytes: 64 * 1024, of: "a token response" };

/// How long a worker waits before it looks again whether another one has renewed the token.
const LEASE_PAUSE: Duration = Duration::from_millis(20);

/// How long an early renewal is left to the worker that began it. Its call may have ended before the token endpoint responded,
/// and then it goes on with that worker's next call.
const RENEWAL_LASTS: Duration = Duration::from_secs(30);

/// The part of a signed token's life that is not used.
const LAST: Duration = Duration::from_secs(60);

/// Where one credential's token comes from.
pub struct TokenSource {
    /// What was sealed: who asks and for what, or who signs.
    pub provenance: Provenance,
    /// The token endpoint, as [`endpoint::check`] allowed it, where one is asked.
    pub uri: Option<Uri>,
    /// `user-agent` of the token request.
    pub user_agent: HeaderValue,
    /// How the token endpoint is reached.
    pub network: Arc<Network>,
    /// Where the workers of the host share their tokens.
    pub shared: Option<SharedStore>,
    /// How long a fetch may take, whoever waits for it.
    pub time_limit: Duration,
    /// How far the clock is off by which a token is signed, where its receiver has said so.
    pub clock: Mutex<Option<Skew>>,
}

/// A shared store, and the keys to it.
pub struct SharedStore {
    /// The store.
    pub store: Store,
    /// The master keys, in their order.
    pub keys: Vec<Arc<MasterKey>>,
}

impl TokenSource {
    /// The token that the host's workers share, if it is another than the one that the fetch is to replace.
    fn find(&self, shared: &SharedStore, slot: &SlotId, fetch: &SingleFlight) -> Option<Token> {
        let now = Moment::now();
        let found = shared.store.read(slot, &shared.keys, now.unix())?;
        let token = Token::shared(found, now, random::number());
        let token = match &self.provenance {
            Provenance::Grant(_) => token,
            Provenance::Jwt(_) => token.used_to_its_end(),
        };
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
        if let Some(token) = source.find(shared, slot, fetch) {
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
    if let Some(token) = source.find(shared, slot, fetch) {
        drop(fetch.take_lease());
        return Ok(token);
    }
    let asked = ask(source, fetch.deadline, asking).await;
    // A fetch that was paused has given its lease back. It takes it again if nobody else has it; if somebody has, that one
    // writes a token.
    let lease = fetch.take_lease().or_else(|| shared.store.try_lease(slot).ok().flatten());
    let token = asked?;
    if let Some(later) = source.find(shared, slot, fetch).filter(|found| found.is_later_than(&token)) {
        // This process was stopped, and another one has asked in its place.
        return Ok(later);
    }
    if let Some(lease) = lease {
        // A file that cannot be written costs the others a token request each.
        let _ = shared.store.write(&lease, &token.stored(), &shared.keys);
    }
    Ok(token)
}

/// A new token.
async fn ask(source: &TokenSource, deadline: Instant, asking: impl Fn()) -> Result<Token, Error> {
    match &source.provenance {
        Provenance::Grant(grant) => request(source, grant, deadline, asking).await,
        Provenance::Jwt(jwt) => wiped(|| sign(jwt, *lock(&source.clock))),
    }
}

/// A token that is used until a minute before its end. Signing takes a millisecond, so nobody does it earlier.
fn sign(jwt: &Jwt, skew: Option<Skew>) -> Result<Token, Error> {
    let now = Moment::now();
    let issued = skew.map_or(now.unix(), |skew| unix(skew.correct(Timestamp::now())));
    let token = assertion::of_jwt(jwt, issued)?;
    Ok(Token::granted(token, now, jwt.signer.lifetime.saturating_sub(LAST), 0).used_to_its_end())
}

/// One token request, and where this host's clock is why its assertion is refused, another one by the endpoint's clock.
async fn request(source: &TokenSource, grant: &Grant, deadline: Instant, asking: impl Fn()) -> Result<Token, Error> {
    match request_at(source, grant, deadline, &asking, None).await? {
        Asked::Granted(token) => Ok(token),
        Asked::Refused(error, None) => Err(error),
        Asked::Refused(error, Some(skew)) if skew.is_corrected() => {
            match request_at(source, grant, deadline, &asking, Some(skew)).await? {
                Asked::Granted(token) => Ok(token),
                Asked::Refused(..) => Err(Error::new(error.code, format!("{}; {skew}", error.message))),
            }
        }
        Asked::Refused(error, Some(skew)) => Err(Error::new(
            Code::ClockSkew,
            format!("{skew}, which refuses what is signed by it: set it ({})", error.message),
        )),
    }
}

/// What came of a token request.
enum Asked {
    Granted(Token),
    /// With what the refusal says of the clock.
    Refused(Error, Option<Skew>),
}

async fn request_at(
    source: &TokenSource,
    grant: &Grant,
    deadline: Instant,
    asking: &impl Fn(),
    skew: Option<Skew>,
) -> Result<Asked, Error> {
    let asked = Moment::now();
    let uri = source.uri.as_ref().ok_or_else(|| Error::new(Code::Panic, "a grant has no token endpoint"))?;
    let now = skew.map_or(asked.unix(), |skew| unix(skew.correct(Timestamp::now())));
    let request = wiped(|| request::token_request(grant, uri, &source.user_agent, now))?;
    asking();
    let response = source.network.one_shot(request, RESPONSE, deadline).await.map_err(failed)?;
    let body = Zeroizing::new(response.body);
    let granted = wiped(|| response::read(response.status, &body, grant.token_member(), grant.token_type.as_deref()));
    match granted {
        Ok(granted) => Ok(Asked::Granted(Token::granted(granted.token, asked, granted.lifetime, random::number()))),
        Err(error) => {
            let is_told = grant.is_signed() && is_tls(uri) && response::refuses_assertion(response.status, &body);
            let skew = is_told.then(|| Skew::of(&response.headers, Timestamp::now())).flatten();
            Ok(Asked::Refused(error, skew))
        }
    }
}

fn is_tls(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}

fn unix(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_second()).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Credential;
    use crate::credential::placement::{Draft, place};
    use crate::secret::Secret;

    #[test]
    fn a_signed_token_is_used_until_a_minute_before_its_end() {
        let key = std::fs::read_to_string(format!("{}/tests/vectors/keys/p256-pkcs8.pem", env!("CARGO_MANIFEST_DIR")));
        let payload = serde_json::json!({
            "private_key": key.expect("a file"), "alg": "ES256", "lifetime": 1200, "binding": {"hosts": ["a.example"]},
        });
        let spec = serde_json::from_str(r#"{"identifier": "i", "type": "jwt"}"#).expect("a declaration");
        let credential = Credential::from_payload(&spec, Secret::new(payload.to_string().into_bytes()));
        let headers = http::HeaderMap::new();
        let draft = Draft { headers: &headers, query: None, body: b"", key_header: None };
        let placed = place(vec![credential.expect("a payload")], draft).expect("a place");
        let Some(Provenance::Jwt(jwt)) = placed.token else { panic!("a token is signed") };
        let before = Moment::now();
        let token = sign(&jwt, None).expect("signs");
        let second = Duration::from_secs(1);
        assert!(token.is_current(before.plus(1139 * second)));
        assert!(!token.is_due(before.plus(1139 * second)), "nobody signs another one earlier");
        assert!(!token.is_current(Moment::now().plus(1140 * second)));
        let shared = Token::shared(token.stored(), before, u64::MAX).used_to_its_end();
        assert!(shared.is_current(before.plus(1139 * second)) && !shared.is_due(before.plus(1139 * second)));
    }
}
