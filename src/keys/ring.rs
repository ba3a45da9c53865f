//! The keys of one configuration, read again when their files change.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::{fs, mem};

use super::source::{KeySource, Stamp};
use crate::document::{KeySourceSpec, MasterKeySpec};
use crate::envelope::MasterKey;
use crate::error::{Code, Error, Warning};
use crate::secret::Secret;

/// Sources and what was read from them. It reads when it is asked to and at no other time; a read is a few system calls.
#[derive(Clone, Debug)]
pub struct Keyring {
    entries: Vec<RingEntry>,
}

impl Keyring {
    /// Reads every source. One that gives no key now may do so later and is only a warning, unless its material is in
    /// the configuration itself. `known` finds the source of an id that comes without one.
    pub fn open(specs: Vec<MasterKeySpec>, known: impl Fn(&str) -> Option<Arc<KeySource>>) -> Result<Self, Error> {
        let mut entries: Vec<RingEntry> = Vec::with_capacity(specs.len());
        for (index, MasterKeySpec { id, source }) in specs.into_iter().enumerate() {
            let refused = |code, why: &str| Error::new(code, format!("master_keys[{index}]: {why}"));
            if id.is_some() && entries.iter().any(|entry| entry.id == id) {
                return Err(refused(Code::ConfigurationInvalid, "an earlier key has the same id"));
            }
            let unknown = "the id is not known to this process, and the entry has no provider";
            let source = source
                .map(KeySource::from)
                .map(Arc::new)
                .or_else(|| id.as_deref().and_then(&known))
                .ok_or_else(|| refused(Code::KeyUnavailable, unknown))?;
            entries.push(RingEntry::load(id, source).map_err(|error| refused(error.code, &error.message))?);
        }
        Ok(Self { entries })
    }

    /// The source behind an id, for another ring that is to share it.
    pub fn source(&self, id: &str) -> Option<Arc<KeySource>> {
        self.entry(id).map(|entry| Arc::clone(&entry.source))
    }

    /// Gives the key of this id another source. False where that changes nothing: there is no such id, or it has this
    /// source. A failure leaves the old key in place.
    pub fn replace(&mut self, id: &str, spec: KeySourceSpec) -> Result<bool, Error> {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.id.as_deref() == Some(id)) else {
            return Ok(false);
        };
        let source = KeySource::from(spec);
        if entry.source.is_same(&source) {
            entry.refresh();
            return Ok(false);
        }
        *entry = RingEntry::load(entry.id.clone(), Arc::new(source))?;
        Ok(true)
    }

    /// The keys in the order of the configuration. Files that changed are read again, and sources that gave nothing before.
    pub fn keys(&mut self) -> Vec<Arc<MasterKey>> {
        self.entries.iter_mut().for_each(RingEntry::refresh);
        self.entries.iter().filter_map(|entry| entry.key.clone()).collect()
    }

    /// Reads every file and variable once more. False where there is none, so that another attempt would not differ.
    pub fn reread(&mut self) -> bool {
        let mut external = self.entries.iter_mut().filter(|entry| entry.source.is_external()).peekable();
        let any = external.peek().is_some();
        external.for_each(RingEntry::reread);
        any
    }

    /// Locks the keys' memory for this process, which inherited them.
    pub fn lock(&self) {
        for entry in &self.entries {
            entry.key.iter().for_each(|key| key.lock());
            entry.source.lock();
        }
    }

    /// What an administrator should know of the sources, as they are now.
    pub fn warnings(&self) -> Vec<Warning> {
        let warnings = self.entries.iter().enumerate().flat_map(|(index, entry)| {
            let found = entry.warnings().into_iter();
            found.map(move |(code, text)| Warning { code, message: format!("master_keys[{index}]: {text}") })
        });
        warnings.collect()
    }

    fn entry(&self, id: &str) -> Option<&RingEntry> {
        self.entries.iter().find(|entry| entry.id.as_deref() == Some(id))
    }
}

#[derive(Clone, Debug)]
struct RingEntry {
    id: Option<String>,
    source: Arc<KeySource>,
    key: Option<Arc<MasterKey>>,
    stamp: Option<Stamp>,
}

impl RingEntry {
    /// Material in the configuration cannot get better by waiting, so a fault in it is an error at once.
    fn load(id: Option<String>, source: Arc<KeySource>) -> Result<Self, Error> {
        let mut entry = Self { id, source, key: None, stamp: None };
        if entry.source.is_external() {
            entry.reread();
            return Ok(entry);
        }
        let loaded =
            entry.source.load().map_err(|problem| Error::new(Code::ConfigurationInvalid, problem.message()))?;
        entry.key = entry.keep(loaded.key);
        Ok(entry)
    }

    /// A key that has not changed stays the one that is there, so that frequent reads make no copies of it.
    fn keep(&self, bytes: Secret) -> Option<Arc<MasterKey>> {
        match &self.key {
            Some(key) if key.is(&bytes) => Some(Arc::clone(key)),
            _ => MasterKey::new(bytes).map(Arc::new),
        }
    }

    /// A key whose source is gone or broken is gone as well: taking a key away must work without a restart.
    fn reread(&mut self) {
        (self.key, self.stamp) = match self.source.load() {
            Ok(loaded) => (self.keep(loaded.key), loaded.stamp),
            Err(_) => (None, None),
        };
    }

    fn refresh(&mut self) {
        let is_fresh = self.source.path().is_none_or(|path| self.stamp.is_some() && Stamp::of(path).ok() == self.stamp);
        if self.key.is_none() || !is_fresh {
            self.reread();
        }
    }

    fn warnings(&self) -> Vec<(&'static str, &'static str)> {
        let mut found = self.source.path().map(file_warnings).unwrap_or_default();
        if let Err(problem) = self.source.load().map(mem::drop) {
            found.push((problem.code(), problem.message()));
        }
        if self.key.as_ref().is_some_and(|key| !key.is_locked()) || !self.source.is_locked() {
            found.push(("memory.not_locked", "the key's memory can be swapped out; raise the limit of locked memory"));
        }
        found
    }
}

fn file_warnings(path: &Path) -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        found.push(("key_file.symlink", "the key file is a symbolic link: who may change the link chooses the key"));
    }
    if fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o066 != 0) {
        found.push(("key_file.permissions", "the key file can be read or changed by others than its owner"));
    }
    found
}
