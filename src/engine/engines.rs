//! The open engines of a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::state::{Engine, EngineHeritage};
use crate::document::Configuration;
use crate::error::{Code, Error, Warning};
use crate::net::Lookups;

/// The least recently used engine goes when one more is opened.
const ENGINES: usize = 16;

/// No handle is used a second time, not even after a fork.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Engines by handle and by configuration, the least recently used first.
#[derive(Default)]
pub struct Engines {
    entries: Vec<Entry>,
    changes: u64,
    lookups: Arc<Lookups>,
}

struct Entry {
    handle: u64,
    fingerprint: [u8; 32],
    engine: Arc<Engine>,
}

/// The engines as a forked child will find them, without a lock and without a connection.
#[derive(Default)]
pub struct Heritage(Vec<(u64, [u8; 32], EngineHeritage)>);

impl Engines {
    /// Opens an engine, or finds the one of the same configuration.
    pub fn open(&mut self, document: &[u8]) -> Result<(u64, Vec<Warning>), Error> {
        let configuration = Configuration::parse(document)?;
        let fingerprint = fingerprint(document)?;
        if let Some(at) = self.entries.iter().position(|entry| entry.fingerprint == fingerprint) {
            let entry =
                self.touch(at).ok_or_else(|| Error::new(Code::Panic, "an engine is gone while it is looked at"))?;
            let changed = entry.engine.replace_keys(configuration.master_keys)?;
            let opened = (entry.handle, entry.engine.warnings());
            self.changes += u64::from(changed);
            return Ok(opened);
        }
        let known = |id: &str| self.entries.iter().rev().find_map(|entry| entry.engine.key_source(id));
        let engine = Engine::new(configuration, known, Arc::clone(&self.lookups))?;
        let warnings = engine.warnings();
        if self.entries.len() >= ENGINES {
            self.entries.remove(0);
        }
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        self.entries.push(Entry { handle, fingerprint, engine: Arc::new(engine) });
        self.changes += 1;
        Ok((handle, warnings))
    }

    /// The engine of a handle, which becomes the most recently used one.
    pub fn get(&mut self, handle: u64) -> Option<Arc<Engine>> {
        let at = self.entries.iter().position(|entry| entry.handle == handle)?;
        self.touch(at).map(|entry| Arc::clone(&entry.engine))
    }

    /// Ends a handle. Says whether there was one.
    pub fn close(&mut self, handle: u64) -> bool {
        let before = self.entries.len();
        self.entries.retain(|entry| entry.handle != handle);
        let closed = self.entries.len() < before;
        self.changes += u64::from(closed);
        closed
    }

    /// Counts the changes that a child has to know of: an engine that came or went, or another key. Which engine was used
    /// last is no such change.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// What a child forked from now on is to find.
    pub fn heritage(&self) -> Heritage {
        let heir = |entry: &Entry| (entry.handle, entry.fingerprint, entry.engine.heritage());
        Heritage(self.entries.iter().map(heir).collect())
    }

    fn touch(&mut self, at: usize) -> Option<&Entry> {
        let entry = self.entries.remove(at);
        self.entries.push(entry);
        self.entries.last()
    }
}

impl From<&Heritage> for Engines {
    /// The same handles, with engines that share settings and keys with the parent's and have no connection yet.
    fn from(heritage: &Heritage) -> Self {
        let lookups = Arc::default();
        let entry = |(handle, fingerprint, engine): &(u64, [u8; 32], EngineHeritage)| Entry {
            handle: *handle,
            fingerprint: *fingerprint,
            engine: Arc::new(engine.engine(Arc::clone(&lookups))),
        };
        Self { entries: heritage.0.iter().map(entry).collect(), changes: 0, lookups }
    }
}

/// What makes two configurations the same one: all of it but the material of keys that have an id.
fn fingerprint(document: &[u8]) -> Result<[u8; 32], Error> {
    let invalid = |_| Error::new(Code::ConfigurationInvalid, "the configuration is not well-formed JSON");
    let mut value: serde_json::Value = serde_json::from_slice(document).map_err(invalid)?;
    for key in value.get_mut("master_keys").and_then(|keys| keys.as_array_mut()).into_iter().flatten() {
        if let Some(id) = key.get("id").cloned() {
            *key = id;
        }
    }
    // The text can hold material of keys without an id. A hash that is moved leaves a copy of the last bytes behind, so this
    // one stays in place.
    let mut hash = Sha256::new();
    hash.update(serde_json::to_vec(&value).map_err(invalid)?);
    Ok(hash.finalize_reset().into())
}
