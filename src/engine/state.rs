//! An open configuration: what calls share, and what a forked child may have of it.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, SystemTime};

use http::HeaderValue;

use super::breaker::Breakers;
use super::services::Services;
use crate::document::{Configuration, Defaults, HttpVersion, Limits, MasterKeySpec};
use crate::envelope::{Forms, MasterKey};
use crate::error::{Code, Error, Warning};
use crate::keys::{KeySource, Keyring};
use crate::net::{Guard, Lookups, Network, NetworkOptions, Proxy, Roots};
use crate::oauth::{RefreshStore, Store, Tokens};
use crate::policy::{Ceiling, InternalHosts, Rules, Versions};
use crate::sign::ClientCertificate;
use crate::sys::{lock, wiped};

/// An open configuration: its settings, its keys, its connections; and the lookups of the process, which all of them share.
pub struct Engine {
    pub(super) settings: Arc<Settings>,
    keyring: Mutex<Keyring>,
    pub(super) forms: Forms,
    pub(super) services: Services,
    lookups: Arc<Lookups>,
    network: OnceLock<Arc<Network>>,
    pub(super) breakers: Arc<Breakers>,
    pub(super) tokens: Tokens,
    left: Mutex<Option<LeftTokens>>,
}

/// What was found among the refresh tokens, with these keys, when a file had last come or gone.
struct LeftTokens {
    changed: Option<SystemTime>,
    keys: Vec<Arc<MasterKey>>,
    warnings: Vec<Warning>,
}

/// Settings and keys without a connection. It has no lock, so a child can read it whatever the parent's threads were doing.
pub(super) struct EngineHeritage {
    settings: Arc<Settings>,
    keyring: Keyring,
}

/// What a configuration says, read and checked.
pub(super) struct Settings {
    pub(super) internal_hosts: Arc<InternalHosts>,
    pub(super) defaults: Defaults,
    pub(super) limits: Limits,
    pub(super) ceiling: Ceiling,
    pub(super) user_agent: HeaderValue,
    pub(super) network: NetworkOptions,
    pub(super) tokens: Option<Store>,
    pub(super) refresh_tokens: Option<RefreshStore>,
    warnings: Vec<Warning>,
}

impl Settings {
    fn read(configuration: Configuration) -> Result<Self, Error> {
        let invalid = |message| Error::new(Code::ConfigurationInvalid, message);
        let internal_hosts = Arc::new(InternalHosts::from_specs(&configuration.internal_hosts)?);
        let roots = Roots::load(&configuration.tls)?;
        let mut warnings = Vec::new();
        if roots.is_empty() {
            let message = "no trust anchor was found, so no https server will be trusted; install ca-certificates or set tls.ca_file";
            warnings.push(Warning { code: "tls.no_roots", message: message.to_owned() });
        }
        let versions = Versions::of(&configuration.http_versions);
        let http3 = Versions::has_http3(&configuration.http_versions);
        if !http3 && configuration.http_versions.contains(&HttpVersion::Http3) {
            let message = "http_versions has 3, and this library was built without it; calls speak what else is there";
            warnings.push(Warning { code: "http_versions.no_http3", message: message.to_owned() });
        }
        let network = NetworkOptions {
            guard: Guard::new(Arc::clone(&internal_hosts)),
            roots,
            proxy: configuration.proxy.as_ref().map(Proxy::from_spec).transpose()?.map(Arc::new),
            connect_timeout: Duration::from_millis(configuration.defaults.connect_timeout_ms),
            versions,
            post_quantum: configuration.tls.post_quantum,
            header_bytes: configuration.limits.header_bytes,
        };
        let hosts = configuration.limits.hosts.as_deref();
        let hosts = hosts.map(|hosts| Rules::parse_hosts("limits.hosts", hosts)).transpose();
        Ok(Self {
            internal_hosts,
            defaults: configuration.defaults,
            ceiling: Ceiling { hosts: hosts?.map(Arc::new), versions, http3 },
            limits: configuration.limits,
            user_agent: HeaderValue::from_str(&configuration.user_agent)
                .map_err(|_| invalid("user_agent cannot be sent in a header"))?,
            network,
            tokens: configuration.token_cache.map(|cache| Store::new(cache.directory)),
            refresh_tokens: configuration.refresh_tokens.map(|tokens| RefreshStore::new(tokens.directory)),
            warnings,
        })
    }
}

impl Engine {
    /// An engine for a configuration. `known` finds the source of a key that is named by its id alone.
    pub fn new(
        mut configuration: Configuration,
        known: impl Fn(&str) -> Option<Arc<KeySource>>,
        lookups: Arc<Lookups>,
    ) -> Result<Self, Error> {
        let keys = std::mem::take(&mut configuration.master_keys);
        let settings = Settings::read(configuration)?;
        let keyring = Keyring::open(keys, known)?;
        Ok(Self::with(Arc::new(settings), keyring, lookups))
    }

    /// Another engine of the same settings and keys, which shares nothing of what calls leave.
    pub fn beside(&self) -> Self {
        Self::with(Arc::clone(&self.settings), self.keyring().clone(), Arc::clone(&self.lookups))
    }

    /// What tells trust anchors and revocation lists with other contents.
    pub fn trust(&self) -> &[u8; 32] {
        self.settings.network.roots.digest()
    }

    /// Reads the files of its keys anew, whatever their stamps say.
    pub fn reread_keys(&self) {
        self.keyring().reread();
    }

    /// Closes the circuit of a service, which leads elsewhere from now on.
    pub fn forget_circuit(&self, service_id: &str) {
        self.breakers.forget(service_id);
    }

    /// Settings and keys, and no state of calls yet.
    fn with(settings: Arc<Settings>, keyring: Keyring, lookups: Arc<Lookups>) -> Self {
        Self {
            settings,
            keyring: Mutex::new(keyring),
            forms: Forms::default(),
            services: Services::default(),
            lookups,
            network: OnceLock::new(),
            breakers: Arc::default(),
            tokens: Tokens::default(),
            left: Mutex::default(),
        }
    }

    /// What a forked child may have of this engine.
    pub(super) fn heritage(&self) -> EngineHeritage {
        EngineHeritage { settings: Arc::clone(&self.settings), keyring: self.keyring().clone() }
    }

    /// What works as far as it can, but needs an administrator.
    pub(super) fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.settings.warnings.clone();
        warnings.extend(self.keyring().warnings());
        warnings.extend(self.settings.tokens.as_ref().and_then(Store::warning));
        if let Some(store) = &self.settings.refresh_tokens {
            warnings.extend(store.warning());
            warnings.extend(self.left_refresh_tokens(store));
        }
        warnings
    }

    /// What is left of refresh tokens under other keys. The files are read where one of them or a key has changed.
    fn left_refresh_tokens(&self, store: &RefreshStore) -> Vec<Warning> {
        let (changed, keys) = (store.changed(), self.keyring().keys());
        let mut left = lock(&self.left);
        let is_same = |seen: &LeftTokens| {
            seen.changed == changed
                && seen.keys.len() == keys.len()
                && seen.keys.iter().zip(&keys).all(|(seen, key)| Arc::ptr_eq(seen, key))
        };
        if !left.as_ref().is_some_and(is_same) {
            let warnings = wiped(|| store.left(&keys));
            *left = Some(LeftTokens { changed, keys, warnings });
        }
        left.as_ref().map(|seen| seen.warnings.clone()).unwrap_or_default()
    }

    /// Takes over key material that came with a later `open` of the same configuration: all of it, or nothing where some
    /// cannot be used. Says whether anything is new.
    pub(super) fn replace_keys(&self, entries: Vec<MasterKeySpec>) -> Result<bool, Error> {
        let mut keyring = self.keyring();
        let mut next = keyring.clone();
        let mut changed = false;
        for entry in entries {
            if let MasterKeySpec { id: Some(id), source: Some(source) } = entry {
                changed |= next.replace(&id, source)?;
            }
        }
        *keyring = next;
        Ok(changed)
    }

    pub(super) fn key_source(&self, id: &str) -> Option<Arc<KeySource>> {
        self.keyring().source(id)
    }

    pub(super) fn keyring(&self) -> MutexGuard<'_, Keyring> {
        lock(&self.keyring)
    }

    pub(super) fn network(&self) -> Result<&Arc<Network>, Error> {
        if let Some(network) = self.network.get() {
            return Ok(network);
        }
        // Two threads may come here together: the network of one goes unused.
        let network = Arc::new(Network::new(self.settings.network.clone(), Arc::clone(&self.lookups))?);
        Ok(self.network.get_or_init(|| network))
    }

    /// The connections that speak these versions of HTTP and show this certificate; without one, those that show none. What is wrong
    /// with it is said of the credential that has it.
    pub(super) fn network_showing<'a>(
        &self,
        versions: Versions,
        certificate: Option<&Arc<ClientCertificate>>,
        identifier: impl FnOnce() -> &'a str,
    ) -> Result<Arc<Network>, Error> {
        let network = self.network()?;
        match certificate {
            Some(certificate) => {
                network.certified(certificate, versions).map_err(|error| error.of_credential(identifier()))
            }
            None => network.speaking(versions),
        }
    }
}

impl EngineHeritage {
    /// The child's engine, with the child's lookups.
    pub(super) fn engine(&self, lookups: Arc<Lookups>) -> Engine {
        self.keyring.lock();
        Engine::with(Arc::clone(&self.settings), self.keyring.clone(), lookups)
    }
}
