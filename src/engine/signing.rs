//! The last step before the wire: signs each attempt of a call.

use http::Uri;
use http::uri::PathAndQuery;
use jiff::Timestamp;

use super::send::Outgoing;
use crate::credential::clock::Skew;
use crate::credential::{Fresh, Redactor, Signature, Unsigned};
use crate::document::CredentialSpec;
use crate::error::{Code, Error};
use crate::net::Content;
use crate::secret::LockedSecret;
use crate::sign;
use crate::sys::{random, wiped};

/// What signs the attempts of a call.
pub struct Signing {
    signature: Signature,
    /// The credential's, for messages.
    identifier: String,
    idempotency_key: Option<String>,
    /// How far this host's clock is off, for the next attempt alone.
    clock: Option<Skew>,
}

impl Signing {
    /// Signs with the one credential of these that does.
    pub fn new(signature: Signature, specs: &[CredentialSpec], idempotency_key: Option<&str>) -> Self {
        let identifier = specs.iter().find(|spec| spec.kind.signs()).map(|spec| spec.identifier.clone());
        Self {
            signature,
            identifier: identifier.unwrap_or_default(),
            idempotency_key: idempotency_key.map(str::to_owned),
            clock: None,
        }
    }

    /// Whether what is signed says when.
    pub fn is_timed(&self) -> bool {
        self.signature.is_timed()
    }

    /// Signs with these temporary keys from now on.
    pub fn use_keys(&mut self, joined: &LockedSecret) -> Result<(), Error> {
        self.signature.use_keys(joined).map_err(|error| error.of_credential(&self.identifier))
    }

    /// Has the next attempt signed by the server's clock.
    pub fn correct(&mut self, skew: Skew) {
        self.clock = Some(skew);
    }

    /// Signs an attempt, and lets the signature be found again in the response.
    pub fn sign(&mut self, outgoing: &mut Outgoing, redactor: &mut Redactor) -> Result<(), Error> {
        let now = Timestamp::now();
        let time = self.clock.take().map_or(now, |skew| skew.correct(now));
        wiped(|| self.apply(time, outgoing, redactor)).map_err(|error| error.of_credential(&self.identifier))
    }

    fn apply(&self, time: Timestamp, outgoing: &mut Outgoing, redactor: &mut Redactor) -> Result<(), Error> {
        let mut nonce = [0; 16];
        random::fill(&mut nonce)
            .ok_or_else(|| Error::new(Code::CredentialUnusable, "there is no randomness for a signature"))?;
        let fresh = Fresh { time, nonce: sign::encoded(&nonce) };
        let request = Unsigned {
            method: &outgoing.method,
            uri: &outgoing.uri,
            headers: &outgoing.headers,
            body: match &outgoing.body {
                Content::Whole(bytes) => Some(bytes),
                Content::InPieces(_) => None,
            },
            id: self.idempotency_key.as_deref(),
        };
        let signed = self.signature.sign(&request, &fresh)?;
        if let Some(query) = &signed.query {
            outgoing.uri = with_query(&outgoing.uri, query)?;
        }
        for (name, value) in signed.headers {
            outgoing.headers.insert(name, value);
        }
        signed.secrets.into_iter().for_each(|secret| redactor.add(secret));
        Ok(())
    }
}

/// The URL with another query, in memory of its own.
fn with_query(uri: &Uri, query: &str) -> Result<Uri, Error> {
    let unusable = || Error::new(Code::PathNotCanonical, "the URL cannot be sent as it is");
    let mut parts = uri.clone().into_parts();
    let whole = format!("{}?{query}", uri.path());
    parts.path_and_query = Some(PathAndQuery::try_from(whole).map_err(|_| unusable())?);
    Uri::from_parts(parts).map_err(|_| unusable())
}
