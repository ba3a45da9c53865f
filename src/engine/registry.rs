//! The open engines of a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::Engine;
use crate::error::{Code, Error};
use crate::keys::Warning;
use crate::spec::Configuration;

/// The least recently used engine goes when one more is opened.
const ENGINES: usize = 16;

/// Handles are never used again, over a fork neither.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Engines by handle and by configuration, the least recently used first.
#[derive(Default)]
pub struct Engines(Vec<Entry>);

struct Entry {
    handle: u64,
    fingerprint: [u8; 32],
    engine: Arc<Engine>,
}

impl Engines {
    /// Opens an engine, or finds the one of the same configuration.
    pub fn open(&mut self, document: &[u8]) -> Result<(u64, Vec<Warning>), Error> {
        let configuration = Configuration::parse(document)?;
        let fingerprint = fingerprint(document)?;
        if let Some(at) = self.0.iter().position(|entry| entry.fingerprint == fingerprint) {
            let entry =
                self.touch(at).ok_or_else(|| Error::new(Code::Panic, "an engine is gone while it is looked at"))?;
            entry.engine.replace_keys(configuration.master_keys)?;
            return Ok((entry.handle, entry.engine.warnings()));
        }
        let known = |id: &str| self.0.iter().rev().find_map(|entry| entry.engine.key_source(id));
        let engine = Engine::new(configuration, known)?;
        let warnings = engine.warnings();
        if self.0.len() >= ENGINES {
            self.0.remove(0);
        }
        let handle = NEXT.fetch_add(1, Ordering::Relaxed);
        self.0.push(Entry { handle, fingerprint, engine: Arc::new(engine) });
        Ok((handle, warnings))
    }

    /// The engine of a handle, which becomes the most recently used one.
    pub fn get(&mut self, handle: u64) -> Option<Arc<Engine>> {
        let at = self.0.iter().position(|entry| entry.handle == handle)?;
        self.touch(at).map(|entry| Arc::clone(&entry.engine))
    }

    /// Ends a handle. Says whether there was one.
    pub fn close(&mut self, handle: u64) -> bool {
        let before = self.0.len();
        self.0.retain(|entry| entry.handle != handle);
        self.0.len() < before
    }

    /// The same handles, with engines that share settings and keys and have no connection yet: what a forked child uses.
    pub fn heirs(&self) -> Self {
        let heir = |entry: &Entry| Entry {
            handle: entry.handle,
            fingerprint: entry.fingerprint,
            engine: Arc::new(entry.engine.heir()),
        };
        Self(self.0.iter().map(heir).collect())
    }

    fn touch(&mut self, at: usize) -> Option<&Entry> {
        let entry = self.0.remove(at);
        self.0.push(entry);
        self.0.last()
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
    Ok(Sha256::digest(serde_json::to_vec(&value).map_err(invalid)?).into())
}
