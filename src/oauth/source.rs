//! Where the tokens of a credential come from.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderValue, Uri};

use super::refresh_store::RefreshStore;
use super::store::Store;
use crate::credential::Provenance;
use crate::credential::clock::Skew;
use crate::envelope::MasterKey;
use crate::net::Network;
use crate::sign::ClientCertificate;

/// Where one credential's token comes from.
pub struct TokenSource {
    /// What was sealed: who asks and for what, or who signs.
    pub provenance: Provenance,
    /// The token endpoint, as [`super::endpoint::check`] allowed it, where one is asked.
    pub uri: Option<Uri>,
    /// `user-agent` of the token request.
    pub user_agent: HeaderValue,
    /// How the token endpoint is reached.
    pub network: Arc<Network>,
    /// What its connections show, whose key they need for as long as a fetch goes on.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// What lies in files.
    pub files: Files,
    /// How far the clock is off by which a token is signed, where its receiver has said so.
    pub clock: Mutex<Option<Skew>>,
    /// How long a fetch may take, whoever waits for it.
    pub time_limit: Duration,
}

/// Where a token lies beside the process.
pub enum Files {
    /// Nowhere.
    None,
    /// Where the workers of the host share their tokens, which may be lost.
    Shared(SharedStore),
    /// With its refresh token, which may not.
    Kept(KeptTokens),
}

/// A shared store, and the keys to it.
pub struct SharedStore {
    /// The store.
    pub store: Store,
    /// The master keys, in their order.
    pub keys: Vec<Arc<MasterKey>>,
}

/// A store of refresh tokens, and the keys to it.
pub struct KeptTokens {
    /// The store.
    pub store: RefreshStore,
    /// The master keys, in their order.
    pub keys: Vec<Arc<MasterKey>>,
}

impl TokenSource {
    /// Whether a token may be renewed while a call uses it, which does not wait for the end of that.
    pub fn renews_in_passing(&self) -> bool {
        !matches!(self.files, Files::Kept(_))
    }
}
