//! Who may ask for what, as the configuration of this moment has it.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use nix::unistd::User;
use sha2::{Digest, Sha256};

use super::account::Subject;
use super::configuration::{
    CallerLimits, CallerSpec, DaemonDocument, EnvelopeOwner, OwnedService, TotalLimits, UserSpec, invalid,
};
use super::files;
use super::places::SocketPlaces;
use crate::document::Configuration;
use crate::engine::Engine;
use crate::error::Error;
use crate::net::Lookups;

/// A configuration, read and checked.
pub struct Rights {
    callers: HashMap<Subject, Arc<Caller>>,
    origin: Origin,
    /// Where the sockets are.
    pub places: SocketPlaces,
    /// The directory of the envelopes.
    pub envelopes: Option<PathBuf>,
    /// The file of the records.
    pub audit_log: Option<PathBuf>,
    /// What all callers together may have.
    pub limits: TotalLimits,
    /// How long calls may go on when the daemon is to end.
    pub drain_ms: u64,
}

/// What tells whether engines can be kept: the text that they are made from, and the trust that it names.
type Origin = [[u8; 32]; 2];

/// A user with its services. Connections, circuits and tokens are its own: no user sees what another's calls leave.
pub struct Caller {
    services: HashMap<String, Arc<OwnedService>>,
    /// What it may have at a time.
    pub limits: CallerLimits,
    own: Arc<Engine>,
    /// For envelopes that it brings itself, of which only those count that are sealed with hosts.
    bound: Option<Arc<Engine>>,
}

impl Caller {
    /// Whether a service is one of its own.
    pub fn has(&self, id: &str) -> bool {
        self.services.contains_key(id)
    }

    /// One of its services, and the engine that makes the call.
    pub fn service(&self, id: &str) -> Option<(Arc<OwnedService>, Arc<Engine>)> {
        let service = self.services.get(id)?;
        let engine = match service.envelopes {
            EnvelopeOwner::Daemon => &self.own,
            EnvelopeOwner::Caller => self.bound.as_ref()?,
        };
        Some((Arc::clone(service), Arc::clone(engine)))
    }

    fn engines(&self) -> impl Iterator<Item = &Arc<Engine>> {
        [Some(&self.own), self.bound.as_ref()].into_iter().flatten()
    }
}

impl Rights {
    /// Reads a configuration. `lookups` are those of the process. A caller keeps the engines that it had before where
    /// another one would be the same.
    pub fn read(document: &[u8], lookups: &Arc<Lookups>, before: Option<&Self>) -> Result<Self, Error> {
        let document = DaemonDocument::parse(document)?;
        let services: HashMap<String, Arc<OwnedService>> =
            document.services()?.into_iter().map(|service| (service.id.clone(), Arc::new(service))).collect();
        if let Some(directory) = document.envelopes.as_deref().filter(|path| !files::is_own_directory(path)) {
            let what = "must be a directory of root's or of the daemon's own user, which nobody else can write";
            return Err(invalid(format!("envelopes: {} {what}", directory.display())));
        }
        let engine = |bound: bool| {
            let mut configuration =
                Configuration::parse(document.outbound()).map_err(|error| error.about("outbound"))?;
            configuration.limits.require_binding |= bound;
            Engine::new(configuration, |_| None, Arc::clone(lookups)).map_err(|error| error.about("outbound"))
        };
        // A fault of the engine's part is told even where no caller is named yet.
        let (own, bound) = (engine(false)?, OnceCell::new());
        let origin = [Sha256::digest(document.outbound()).into(), *own.trust()];
        let before = before.filter(|before| before.origin == origin);
        let places = document.places()?;
        let mut callers = HashMap::new();
        let named = places.sockets.iter().zip(&document.sockets);
        let named = named.flat_map(|((name, _), socket)| socket.callers.iter().map(|spec| (Some(*name), spec)));
        for (socket, spec) in document.callers.iter().map(|spec| (None, spec)).chain(named) {
            let uid = uid(&spec.user)?;
            let services = granted(spec, &services)?;
            let subject = Subject { socket, uid };
            let kept = before.and_then(|before| before.caller(subject));
            let brings = services.values().any(|service| service.envelopes == EnvelopeOwner::Caller);
            let bound = match kept.and_then(|kept| kept.bound.clone()) {
                None if brings => Some(Arc::new(made(&bound, || engine(true))?.beside())),
                kept => kept,
            };
            let own = kept.map_or_else(|| Arc::new(own.beside()), |kept| Arc::clone(&kept.own));
            let caller = Caller { services, limits: spec.limits, own, bound };
            if callers.insert(subject, Arc::new(caller)).is_some() {
                return Err(invalid(format!("callers: the user {uid} is there twice")));
            }
        }
        Ok(Self {
            callers,
            origin,
            places,
            envelopes: document.envelopes,
            audit_log: document.audit_log,
            limits: document.limits,
            drain_ms: document.drain_ms,
        })
    }

    /// Has the engines that were kept read their keys anew, and forget the circuits of services that lead elsewhere now.
    pub fn succeed(&self, before: &Self) {
        for (subject, caller) in &self.callers {
            let Some(earlier) = before.caller(*subject).filter(|earlier| Arc::ptr_eq(&earlier.own, &caller.own)) else {
                continue;
            };
            for engine in caller.engines() {
                engine.reread_keys();
                let elsewhere = caller.services.values().filter(|service| {
                    earlier.services.get(&service.id).is_none_or(|earlier| earlier.leads_to != service.leads_to)
                });
                elsewhere.for_each(|service| engine.forget_circuit(&service.id));
            }
        }
    }

    /// What a user may do at a socket, if it is a caller there.
    pub fn caller(&self, subject: Subject) -> Option<&Arc<Caller>> {
        self.callers.get(&subject)
    }
}

/// What is made when it is needed for the first time.
fn made<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T, Error>) -> Result<&T, Error> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let new = make()?;
    Ok(cell.get_or_init(|| new))
}

fn granted(
    spec: &CallerSpec,
    services: &HashMap<String, Arc<OwnedService>>,
) -> Result<HashMap<String, Arc<OwnedService>>, Error> {
    let one = |id: &String| {
        let service = services.get(id).ok_or_else(|| invalid(format!("callers: there is no service \"{id}\"")))?;
        Ok((id.clone(), Arc::clone(service)))
    };
    spec.services.iter().map(one).collect()
}

/// The number of a user. That of users whom the namespace does not know is nobody's.
fn uid(spec: &UserSpec) -> Result<u32, Error> {
    let uid = match spec {
        UserSpec::Number(number) => *number,
        UserSpec::Name(name) => match User::from_name(name) {
            Ok(Some(user)) => user.uid.as_raw(),
            _ => return Err(invalid(format!("callers: there is no user \"{name}\""))),
        },
    };
    if [overflow(), u32::MAX].contains(&uid) {
        return Err(invalid(format!(
            "callers: the kernel shows {uid} for every user whom the daemon's namespace does not know"
        )));
    }
    Ok(uid)
}

fn overflow() -> u32 {
    let text = std::fs::read_to_string("/proc/sys/kernel/overflowuid").unwrap_or_default();
    text.trim().parse().unwrap_or(65_534)
}
