//! The access token of a call: looked up before every attempt, and renewed once where the API does not take it.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use tokio::time::Instant;

use super::transfer::Outgoing;
use crate::credential::{Redactor, placement};
use crate::error::Error;
use crate::oauth::{Errand, Ride, Slot, TokenId};
use crate::secret::Secret;

/// How long an answer that does not stand may take to end. It only saves a connection.
pub const DRAINING: Duration = Duration::from_millis(200);

/// Where a call has its token from.
pub struct Bearer {
    slot: Arc<Slot>,
    errand: Arc<Errand>,
    /// A renewal that is under way while the call uses the token that it will replace.
    renewal: Option<Ride>,
    used: Option<TokenId>,
    renewed: bool,
}

impl Bearer {
    /// The token of this slot, fetched by this errand where there is none.
    pub fn new(slot: Arc<Slot>, errand: Errand) -> Self {
        Self { slot, errand: Arc::new(errand), renewal: None, used: None, renewed: false }
    }

    /// Where the token comes from.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// Puts a token that may be sent now into the request, and lets it be found again in the answer.
    pub async fn authorize(
        &mut self,
        outgoing: &mut Outgoing,
        redactor: &mut Redactor,
        deadline: Instant,
    ) -> Result<(), Error> {
        let (token, renewal) = self.slot.token(&self.errand, deadline).await?;
        outgoing.headers.insert(AUTHORIZATION, placement::bearer(token.secret())?);
        if self.used.replace(token.id()) != Some(token.id()) {
            redactor.add(Secret::new(token.secret().expose().to_vec()));
        }
        self.renewal = renewal;
        Ok(())
    }

    /// After a 401: has the token renewed, once in a call, unless that was in vain a while ago. Says whether there is another
    /// one to repeat the request with.
    pub async fn renew(&mut self, deadline: Instant) -> bool {
        let Some(used) = self.used else { return false };
        if std::mem::replace(&mut self.renewed, true) {
            self.slot.reject_renewed(used);
            return false;
        }
        self.slot.reject(used);
        // Whatever keeps a new token from coming, the 401 is an answer and goes to the caller.
        let Ok((token, renewal)) = self.slot.token(&self.errand, deadline).await else { return false };
        self.renewal = renewal;
        token.id() != used
    }
}
