//! Fetching a token: from the file that the workers of the host share, or from the token endpoint.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};

use super::ask::{exchange, unix};
use super::lease::{LEASE_PAUSE, RENEWAL_LASTS};
use super::question::Question;
use super::refresh::refresh;
use super::single_flight::SingleFlight;
use super::slot::SlotId;
use super::source::{Files, SharedStore, TokenSource};
use super::token::{Moment, Token};
use super::{assertion, response};
use crate::credential::clock::Skew;
use crate::credential::{Jwt, Provenance};
use crate::error::{Error, Sent};
use crate::sys::{lock, random, wiped};

/// The part of a signed token's life that is not used.
const LAST: Duration = Duration::from_secs(60);

impl TokenSource {
    /// The token that the host's workers share, if it is another than the one that the fetch is to replace.
    fn find(&self, shared: &SharedStore, slot: &SlotId, fetch: &SingleFlight) -> Option<Token> {
        let now = Moment::now();
        let found = shared.store.read(slot, &shared.keys, now.unix())?;
        let token = Token::shared(found, now, random::number());
        let token = match &self.provenance {
            Provenance::Jwt(jwt) if jwt.exchange.is_none() => token.used_to_its_end(),
            _ => token,
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
    if let (Files::Kept(kept), Some((grant, consent))) = (&source.files, source.provenance.consent()) {
        return refresh(source, grant, consent, kept, slot, fetch, asking).await;
    }
    let fetched = match &source.files {
        Files::Shared(shared) => timeout_at(fetch.deadline, share(source, shared, slot, fetch, asking)).await,
        _ => timeout_at(fetch.deadline, ask(source, fetch.deadline, asking)).await,
    };
    fetched.unwrap_or_else(|_| Err(response::unreachable("no response came in time")))
}

/// The same where the workers of the host share their tokens.
async fn share(
    source: &TokenSource,
    shared: &SharedStore,
    slot: &SlotId,
    fetch: &SingleFlight,
    asking: impl Fn(),
) -> Result<Token, Error> {
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
        Provenance::Grant(grant) => request(source, &Question::Grant(grant, None), deadline, asking).await,
        Provenance::Jwt(jwt @ Jwt { exchange: Some(exchange), .. }) => {
            request(source, &Question::Exchange(jwt, exchange), deadline, asking).await
        }
        Provenance::Role(role) => request(source, &Question::Role(role), deadline, asking).await,
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

/// One token request.
async fn request(
    source: &TokenSource,
    question: &Question<'_>,
    deadline: Instant,
    asking: impl Fn(),
) -> Result<Token, Error> {
    let (asked, granted) = exchange(source, question, deadline, asking).await.map_err(|error| error.sent(Sent::No))?;
    Ok(Token::granted(granted.token, asked, granted.lifetime, random::number()))
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
