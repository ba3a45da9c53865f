//! An access token as this process holds it, and its times.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::sealed::StoredToken;
use crate::secret::{LockedSecret, Secret};

/// Tells one token from another without a copy of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenId([u8; 32]);

impl TokenId {
    fn of(token: &Secret) -> Self {
        // The hash keeps the text in its buffer. One that is moved leaves it where it was, so this one stays in place.
        let mut hash = Sha256::new();
        hash.update(token.expose());
        Self(hash.finalize_reset().into())
    }
}

/// A moment on both clocks. The monotonic one stops while the machine sleeps, and the other one is set; a token is
/// over as soon as either says so.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    monotonic: Instant,
    unix_ms: u64,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let unix_ms = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        Self { monotonic: Instant::now(), unix_ms }
    }

    /// The moment in Unix seconds.
    pub fn unix(&self) -> u64 {
        self.unix_ms / 1000
    }

    #[cfg(test)]
    pub(super) fn plus(self, time: Duration) -> Self {
        Self { monotonic: self.monotonic + time, unix_ms: self.unix_ms + time.as_millis() as u64 }
    }
}

/// An access token.
pub struct Token {
    secret: LockedSecret,
    id: TokenId,
    issued_ms: u64,
    expires_ms: u64,
    expires: Instant,
    due: Instant,
}

impl Token {
    /// A token that was asked for then and lives so long from then on: the response's way here counts as time it has lived.
    /// `jitter` spreads the renewals of those that asked at the same time.
    pub fn granted(secret: Secret, asked: Moment, lifetime: Duration, jitter: u64) -> Self {
        let expires_ms = asked.unix_ms.saturating_add(lifetime.as_millis() as u64);
        Self::new(secret, (asked.unix_ms, expires_ms), asked.monotonic + lifetime, jitter)
    }

    /// A token that another process was granted.
    pub fn shared(stored: StoredToken, now: Moment, jitter: u64) -> Self {
        let (issued_ms, expires_ms) = (stored.issued_at.saturating_mul(1000), stored.expires_at.saturating_mul(1000));
        let left = Duration::from_millis(expires_ms.saturating_sub(now.unix_ms));
        let expires = now.monotonic.checked_add(left).unwrap_or(now.monotonic);
        Self::new(stored.token, (issued_ms, expires_ms), expires, jitter)
    }

    fn new(secret: Secret, (issued_ms, expires_ms): (u64, u64), expires: Instant, jitter: u64) -> Self {
        let lifetime = Duration::from_millis(expires_ms.saturating_sub(issued_ms));
        let due = expires.checked_sub(lead(lifetime, jitter)).unwrap_or(expires);
        Self { id: TokenId::of(&secret), secret: LockedSecret::new(secret), issued_ms, expires_ms, expires, due }
    }

    /// The same, which nobody renews before its end: another is made in no time.
    pub fn used_to_its_end(mut self) -> Self {
        self.due = self.expires;
        self
    }

    /// The token itself.
    pub fn secret(&self) -> &LockedSecret {
        &self.secret
    }

    /// What tells it from others.
    pub fn id(&self) -> TokenId {
        self.id
    }

    /// Whether it may be sent. One from the future was granted before the clock was set back, and nobody knows how much
    /// longer it lives.
    pub fn is_current(&self, now: Moment) -> bool {
        now.monotonic < self.expires && (self.issued_ms..self.expires_ms).contains(&now.unix_ms)
    }

    /// Whether another should be asked for, though this one still serves.
    pub fn is_due(&self, now: Moment) -> bool {
        now.monotonic >= self.due
    }

    /// Whether it was asked for after the other one.
    pub fn is_later_than(&self, other: &Self) -> bool {
        self.issued_ms > other.issued_ms
    }

    /// The form in which other processes find it.
    pub fn stored(&self) -> StoredToken {
        let token = Secret::new(self.secret.expose().to_vec());
        StoredToken { token, issued_at: self.issued_ms / 1000, expires_at: self.expires_ms / 1000 }
    }
}

/// How long before its end a token is renewed: between a tenth and a fifth of its life, a minute and five at most.
fn lead(lifetime: Duration, jitter: u64) -> Duration {
    let latest = (lifetime / 10).min(Duration::from_secs(60));
    let earliest = (lifetime / 5).min(Duration::from_secs(300));
    latest + earliest.saturating_sub(latest).mul_f64(jitter as f64 / u64::MAX as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn granted(now: Moment, lifetime: Duration, jitter: u64) -> Token {
        Token::granted(Secret::new(b"t0ken".to_vec()), now, lifetime, jitter)
    }

    #[test]
    fn a_token_is_current_until_it_expires_on_either_clock() {
        let now = Moment::now();
        let token = granted(now, 10 * SECOND, 0);
        assert!(token.is_current(now) && token.is_current(now.plus(10 * SECOND - Duration::from_millis(1))));
        assert!(!token.is_current(now.plus(10 * SECOND)));
        let slept = Moment { unix_ms: now.unix_ms + 10_000, ..now };
        let set_back = Moment { unix_ms: now.unix_ms - 1, ..now };
        let set_ahead = Moment { monotonic: now.monotonic + 10 * SECOND, ..now };
        assert!(![slept, set_back, set_ahead].iter().any(|moment| token.is_current(*moment)));
    }

    #[test]
    fn it_is_due_before_and_not_at_one_time_for_all() {
        let now = Moment::now();
        for (lifetime, earliest, latest) in
            [(1, 800, 900), (300, 240_000, 270_000), (3600, 3_300_000, 3_540_000), (86_400, 86_100_000, 86_340_000)]
        {
            for (jitter, at) in [(u64::MAX, earliest), (0, latest)] {
                let token = granted(now, lifetime * SECOND, jitter);
                let at = Duration::from_millis(at);
                assert!(token.is_due(now.plus(at)), "{lifetime} s, jitter {jitter}");
                assert!(!token.is_due(now.plus(at - Duration::from_millis(1))), "{lifetime} s, jitter {jitter}");
            }
        }
    }

    #[test]
    fn another_process_finds_the_same_token() {
        let now = Moment { unix_ms: 1_795_300_000_500, ..Moment::now() };
        let token = granted(now, 60 * SECOND, 0);
        let found = Token::shared(token.stored(), now.plus(20 * SECOND), 0);
        assert_eq!((found.id(), found.secret().expose()), (token.id(), &b"t0ken"[..]));
        assert!(found.is_current(now.plus(59 * SECOND)) && !found.is_current(now.plus(60 * SECOND)));
        assert!(!found.is_due(now.plus(53 * SECOND)) && found.is_due(now.plus(54 * SECOND)));
        let later = granted(now.plus(SECOND), 60 * SECOND, 0);
        assert!(later.is_later_than(&found) && !found.is_later_than(&later) && !found.is_later_than(&token));
    }
}
