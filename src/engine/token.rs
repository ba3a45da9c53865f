//! The access token of a call: looked up before every attempt, and renewed once where the API rejects it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{StatusCode, Uri};
use tokio::time::Instant;

use super::refusal::look;
use super::send::Outgoing;
use super::signing::Signing;
use super::state::Engine;
use crate::credential::clock::{Skew, may_refuse};
use crate::credential::{Provenance, Redactor, placement, rejects_keys};
use crate::document::{CredentialKind, CredentialSpec};
use crate::error::{Code, Error};
use crate::net::Response;
use crate::oauth::{self, Files, KeptTokens, SharedStore, Slot, SlotId, TokenId, TokenSource, Waiter};
use crate::secret::Secret;
use crate::sign::ClientCertificate;
use crate::sys::lock;

/// How long a 401 that is followed by another try may take to end. It only saves a connection.
pub const DRAINING: Duration = Duration::from_millis(200);

/// Why a client that authenticates by a certificate cannot.
const NO_CERTIFICATE: &str = "its client_auth wants a client certificate: seal private_key and certificate_chain with it, or \
    give the service an mtls credential whose binding.hosts has the token endpoint's host";

/// Where a call has its token from.
pub struct CallToken {
    slot: Arc<Slot>,
    source: Arc<TokenSource>,
    /// A renewal that is under way while the call uses the token that it will replace.
    renewal: Option<Waiter>,
    used: Option<TokenId>,
    renewed: bool,
}

/// The token that comes from there, by way of this endpoint if it has one. Its place is that of the one credential that has one:
/// two would put their tokens into one header, and are refused.
pub fn of(
    engine: &Engine,
    provenance: Provenance,
    uri: Option<Uri>,
    beside: Option<Arc<ClientCertificate>>,
    specs: &[CredentialSpec],
    envelopes: &[Vec<u8>],
) -> Result<CallToken, Error> {
    let mut pairs = specs.iter().zip(envelopes);
    let (spec, envelope) = pairs
        .find(|(spec, _)| match provenance {
            Provenance::Role(_) => spec.kind == CredentialKind::AwsSigv4,
            Provenance::Grant(_) | Provenance::Jwt(_) => spec.kind.fetches_token(),
        })
        .ok_or_else(|| Error::new(Code::Panic, "a token without a credential is wanted"))?;
    if provenance.needs_certificate() && beside.is_none() {
        return Err(Error::new(Code::CredentialUnusable, NO_CERTIFICATE).of_credential(&spec.identifier));
    }
    let own = provenance.certificate().map(Arc::clone);
    // What a policy leaves is said of the service's own server, and the token may be that of several services.
    let versions = engine.settings.ceiling.versions;
    let network = engine.network_showing(versions, own.as_ref().or(beside.as_ref()), || &spec.identifier)?;
    let settings = &*engine.settings;
    let keys = || engine.keyring().keys();
    let (id, files) = match provenance.consent() {
        Some((grant, consent)) => {
            let unset = || oauth::unavailable("is not configured").of_credential(&spec.identifier);
            let store = settings.refresh_tokens.clone().ok_or_else(unset)?;
            let id = SlotId::of_consent(&spec.identifier, &grant.token_url, consent);
            (id, Files::Kept(KeptTokens { store, keys: keys() }))
        }
        None => {
            let shared = settings.tokens.clone().map(|store| SharedStore { store, keys: keys() });
            // A token may be bound to the certificate that was shown for it, so another one has another token.
            let id = match beside.as_ref().filter(|_| own.is_none()) {
                None => SlotId::new(&spec.identifier, envelope),
                Some(certificate) => {
                    SlotId::new(&spec.identifier, &[envelope.as_slice(), certificate.id().as_bytes()].concat())
                }
            };
            (id, shared.map_or(Files::None, Files::Shared))
        }
    };
    let source = TokenSource {
        provenance,
        uri,
        user_agent: settings.user_agent.clone(),
        network,
        certificate: own.or(beside),
        files,
        clock: Mutex::new(None),
        time_limit: Duration::from_millis(settings.defaults.timeout_ms.min(settings.limits.timeout_ms)),
    };
    let slot = engine.tokens.slot(id);
    Ok(CallToken { slot, source: Arc::new(source), renewal: None, used: None, renewed: false })
}

impl CallToken {
    /// Ends it, and says how many token requests no record has counted yet.
    pub fn end(self) -> u32 {
        self.slot.take_requests()
    }

    /// Puts a token that may be sent now into the request, and lets it be found again in the response; or has the request signed with it,
    /// where it is temporary keys.
    pub async fn authorize(
        &mut self,
        outgoing: &mut Outgoing,
        signing: Option<&mut Signing>,
        redactor: &mut Redactor,
        deadline: Instant,
    ) -> Result<(), Error> {
        let (token, renewal) = self.slot.token(&self.source, deadline).await?;
        let is_new = self.used.replace(token.id()) != Some(token.id());
        match (&self.source.provenance, signing) {
            (Provenance::Role(_), Some(signing)) => signing.use_keys(token.secret())?,
            _ => {
                outgoing.headers.insert(AUTHORIZATION, placement::bearer(token.secret())?);
                if is_new {
                    redactor.add(Secret::new(token.secret().expose().to_vec()));
                }
            }
        }
        self.renewal = renewal;
        Ok(())
    }

    /// Whether a response rejects the token: with a 401, or with a refusal that names the keys, as AWS's services have it.
    pub async fn is_rejected(&self, ended: &mut Result<Response, Error>, deadline: Instant) -> bool {
        let Ok(response) = ended else { return false };
        let names_keys = matches!(self.source.provenance, Provenance::Role(_)) && may_refuse(response.status());
        response.status() == StatusCode::UNAUTHORIZED
            || names_keys && {
                let body = look(response, deadline).await;
                rejects_keys(response.headers(), &body)
            }
    }

    /// After a 401 to a request that cannot be sent again: the next call gets another token.
    pub fn reject(&self) {
        if let Some(used) = self.used {
            self.slot.reject_for_next(used);
        }
    }

    /// Whether it says when it was made, by this host's clock.
    pub fn is_timed(&self) -> bool {
        matches!(&self.source.provenance, Provenance::Jwt(jwt) if jwt.exchange.is_none())
    }

    /// After a refusal for the time: has the token signed by the server's clock. It counts as the renewal after a 401, and says the
    /// same.
    pub async fn correct(&mut self, skew: Skew, deadline: Instant) -> bool {
        *lock(&self.source.clock) = Some(skew);
        self.renew(deadline).await
    }

    /// Notes that the repeat after a 401 is used up.
    pub fn use_up(&mut self) -> bool {
        !std::mem::replace(&mut self.renewed, true)
    }

    /// After a 401: has the token renewed, once in a call, unless a renewal a short time ago did not help. Says whether
    /// there is another token to repeat the request with.
    pub async fn renew(&mut self, deadline: Instant) -> bool {
        let Some(used) = self.used else { return false };
        if std::mem::replace(&mut self.renewed, true) {
            self.slot.reject_renewed(used);
            return false;
        }
        self.slot.reject(used);
        // Whatever the reason that no new token comes: the 401 is a response and goes to the caller.
        let Ok((token, renewal)) = self.slot.token(&self.source, deadline).await else { return false };
        self.renewal = renewal;
        token.id() != used
    }
}
