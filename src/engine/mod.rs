//! The flow of a call: document → policy → credential → wire → document.
//!
//! It takes and gives plain documents, so that every host of it, the shared library or a daemon, serves the same ones.

mod again;
mod answer;
mod attempt;
mod bearer;
mod breaker;
mod call;
mod hops;
mod pause;
mod prepare;
mod registry;
mod reply;
mod transfer;

pub use registry::{Engines, Heritage};
pub use reply::{Reply, document, panic_reply};

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use http::HeaderValue;

use breaker::{Breaker, Breakers};

use crate::audit::Recorder;
use crate::document::{CheckHead, Configuration, DecisionHead, Defaults, HttpVersion, Limits, MasterKeySpec, Request};
use crate::error::{Code, Error, Warning};
use crate::keys::{KeySource, Keyring};
use crate::net::{Guard, Lookups, Network, NetworkOptions, Proxy, Roots, Runtime};
use crate::oauth::{Store, Tokens};
use crate::policy::{self, Decision, InternalHosts, Rules};
use crate::sys::lock;

/// What this engine is called in audit records.
const TRANSPORT: &str = "rust-ffi";

/// One call, as it comes in.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The request head, JSON.
    pub request: &'a [u8],
    /// The request's body.
    pub body: &'a [u8],
    /// The envelope of one credential, or a JSON array of those of several.
    pub sealed: &'a [u8],
}

/// An open configuration: its settings, its keys, its connections; and the lookups of the process, which all of them share.
pub struct Engine {
    settings: Arc<Settings>,
    keyring: Mutex<Keyring>,
    lookups: Arc<Lookups>,
    network: OnceLock<Arc<Network>>,
    breakers: Breakers,
    tokens: Tokens,
}

/// Settings and keys without a connection. It has no lock, so a child can read it whatever the parent's threads were at.
struct EngineHeritage {
    settings: Arc<Settings>,
    keyring: Keyring,
}

struct Settings {
    internal_hosts: Arc<InternalHosts>,
    defaults: Defaults,
    limits: Limits,
    host_limit: Option<Arc<Rules>>,
    user_agent: HeaderValue,
    network: NetworkOptions,
    tokens: Option<Store>,
    warnings: Vec<Warning>,
}

impl Engine {
    /// An engine for a configuration. `known` finds the source of a key that is named by its id alone.
    pub fn new(
        configuration: Configuration,
        known: impl Fn(&str) -> Option<Arc<KeySource>>,
        lookups: Arc<Lookups>,
    ) -> Result<Self, Error> {
        let invalid = |message| Error::new(Code::ConfigurationInvalid, message);
        let internal_hosts = Arc::new(InternalHosts::from_specs(&configuration.internal_hosts)?);
        let roots = Roots::load(&configuration.tls)?;
        let mut warnings = Vec::new();
        if roots.is_empty() {
            let message = "no trust anchor was found, so no https server will be trusted; install ca-certificates or set tls.ca_file";
            warnings.push(Warning { code: "tls.no_roots", message: message.to_owned() });
        }
        let network = NetworkOptions {
            guard: Guard::new(Arc::clone(&internal_hosts)),
            roots,
            proxy: configuration.proxy.as_ref().map(Proxy::from_spec).transpose()?.map(Arc::new),
            connect_timeout: Duration::from_millis(configuration.defaults.connect_timeout_ms),
            http1: configuration.http_versions.contains(&HttpVersion::Http11),
            http2: configuration.http_versions.contains(&HttpVersion::Http2),
            post_quantum: configuration.tls.post_quantum,
            header_bytes: configuration.limits.header_bytes,
        };
        let hosts = configuration.limits.hosts.as_deref();
        let host_limit = hosts.map(|hosts| Rules::parse(Some(hosts), None, None)).transpose();
        let settings = Settings {
            internal_hosts,
            defaults: configuration.defaults,
            host_limit: host_limit.map_err(|_| invalid("limits.hosts has an entry that cannot be read"))?.map(Arc::new),
            limits: configuration.limits,
            user_agent: HeaderValue::from_str(&configuration.user_agent)
                .map_err(|_| invalid("user_agent cannot stand in a header"))?,
            network,
            tokens: configuration.token_cache.map(|cache| Store::new(cache.directory)),
            warnings,
        };
        let keyring = Keyring::open(configuration.master_keys, known)?;
        Ok(Self::with(Arc::new(settings), keyring, lookups))
    }

    /// Settings and keys, and nothing yet of what calls leave behind.
    fn with(settings: Arc<Settings>, keyring: Keyring, lookups: Arc<Lookups>) -> Self {
        Self {
            settings,
            keyring: Mutex::new(keyring),
            lookups,
            network: OnceLock::new(),
            breakers: Breakers::default(),
            tokens: Tokens::default(),
        }
    }

    /// What a forked child may have of this engine.
    fn heritage(&self) -> EngineHeritage {
        EngineHeritage { settings: Arc::clone(&self.settings), keyring: self.keyring().clone() }
    }

    /// What works and should not stay so.
    fn warnings(&self) -> Vec<Warning> {
        let mut warnings = self.settings.warnings.clone();
        warnings.extend(self.keyring().warnings());
        warnings.extend(self.settings.tokens.as_ref().and_then(Store::warning));
        warnings
    }

    /// Takes over key material that came with a later `open` of the same configuration: all of it, or nothing where some
    /// cannot be used. Says whether anything is new.
    fn replace_keys(&self, entries: Vec<MasterKeySpec>) -> Result<bool, Error> {
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

    fn key_source(&self, id: &str) -> Option<Arc<KeySource>> {
        self.keyring().source(id)
    }

    fn keyring(&self) -> MutexGuard<'_, Keyring> {
        lock(&self.keyring)
    }

    fn network(&self) -> Result<&Arc<Network>, Error> {
        if let Some(network) = self.network.get() {
            return Ok(network);
        }
        // Of two threads that come here together one loses, and its network goes unused.
        let network = Arc::new(Network::new(self.settings.network.clone(), Arc::clone(&self.lookups))?);
        Ok(self.network.get_or_init(|| network))
    }

    /// Decides about a request with a body of this size, and sends nothing.
    pub fn explain(&self, request: &[u8], body_bytes: u64) -> Reply {
        let mut recorder = Recorder::begin(TRANSPORT);
        let decided = Request::parse(request).and_then(|request| {
            recorder.request(&request);
            let decided = prepare::decide(self, &request, body_bytes);
            recorder.origin(policy::origin(&request));
            let decision = decided?;
            recorder.path_template(decision.admitted.path_template.clone());
            match self.breakers.is_open(Breaker::of(&request).as_ref(), Instant::now()) {
                true => Err(breaker::refusal()),
                false => Ok(decision),
            }
        });
        match decided {
            Ok(Decision { method, admitted, .. }) => {
                let url = admitted.target.text(admitted.target.query());
                document(true, &DecisionHead::allowed(method.to_string(), url, admitted.path_template))
            }
            Err(error) => document(false, &DecisionHead::refused(&error, recorder.end())),
        }
    }

    /// Says by a code alone whether the credentials of a request can be used. It is no call: nothing is counted, recorded or
    /// sent, and no part of an envelope is in the answer.
    pub fn check(&self, request: &[u8], sealed: &[u8]) -> Reply {
        let refusal = prepare::check(self, request, sealed).err();
        document(refusal.is_none(), &CheckHead::new(refusal.as_ref()))
    }

    /// Makes one call and answers with documents, whatever happens. `runtime` is asked for only where something is sent.
    pub fn send<'r>(&self, call: Call<'_>, runtime: impl FnOnce() -> Result<&'r Runtime, Error>) -> Reply {
        call::perform(self, call, runtime)
    }
}

impl EngineHeritage {
    /// The child's engine, with the child's lookups.
    fn engine(&self, lookups: Arc<Lookups>) -> Engine {
        self.keyring.lock();
        Engine::with(Arc::clone(&self.settings), self.keyring.clone(), lookups)
    }
}
