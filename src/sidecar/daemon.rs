//! What the sessions of a process share, and how its configuration is read anew.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::account::{Account, Subject};
use super::configuration::invalid;
use super::files;
use super::metrics::Metrics;
use super::notify;
use super::pulse::Pulse;
use super::records::{Ended, Records};
use super::rights::Rights;
use crate::error::Error;
use crate::net::Lookups;
use crate::sys::lock;

/// The daemon.
pub struct Daemon {
    configuration: PathBuf,
    lookups: Arc<Lookups>,
    rights: Mutex<Arc<Rights>>,
    accounts: Mutex<HashMap<Subject, Arc<Account>>>,
    total: Arc<Account>,
    records: Records,
    metrics: Option<Metrics>,
    stop: watch::Sender<bool>,
    pulse: Pulse,
}

impl Daemon {
    /// Reads the configuration of this path.
    pub fn open(configuration: PathBuf) -> Result<Arc<Self>, Error> {
        let lookups = Arc::default();
        let rights = Rights::read(&files::configuration(&configuration)?, &lookups, None)?;
        let records = Records::open(rights.audit_log.as_deref())?;
        let metrics = rights.places.metrics.as_ref().map(|_| Metrics::new());
        Ok(Arc::new(Self {
            configuration,
            lookups,
            rights: Mutex::new(Arc::new(rights)),
            accounts: Mutex::default(),
            total: Arc::default(),
            records,
            metrics,
            stop: watch::channel(false).0,
            pulse: Pulse::default(),
        }))
    }

    /// The configuration of this moment.
    pub fn rights(&self) -> Arc<Rights> {
        Arc::clone(&lock(&self.rights))
    }

    /// What a user has. Only users who are callers have one.
    pub fn account(&self, subject: Subject) -> Arc<Account> {
        Arc::clone(lock(&self.accounts).entry(subject).or_default())
    }

    /// What all of them have together.
    pub fn total(&self) -> &Arc<Account> {
        &self.total
    }

    /// What is counted, where operators read it.
    pub fn metrics(&self) -> Option<&Metrics> {
        self.metrics.as_ref()
    }

    /// Counts one more, where operators read it.
    pub fn count(&self, counter: impl FnOnce(&Metrics) -> &AtomicU64) {
        if let Some(metrics) = &self.metrics {
            counter(metrics).fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What each caller has that has connected since the start.
    pub fn accounts(&self) -> BTreeMap<Subject, Arc<Account>> {
        lock(&self.accounts).iter().map(|(subject, account)| (*subject, Arc::clone(account))).collect()
    }

    /// The daemon's records.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Notes a call before it sets any timer.
    pub fn beat(&self) {
        self.pulse.beat();
    }

    /// Has every session take nothing more.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Becomes true when nothing more is to be taken.
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Records the end of a call. Where that is not possible, its response is given all the same, as it was made.
    pub fn ended(&self, record: &Ended<'_>) {
        if let Some(metrics) = &self.metrics {
            let rights = self.rights();
            metrics.ended(record, |subject, id| rights.caller(subject).is_some_and(|caller| caller.has(id)));
        }
        if self.records.write(record).is_err() {
            self.count(|metrics| &metrics.unrecorded);
            eprintln!("secure-outbound-sidecar: the outcome of a call could not be recorded");
        }
    }

    /// Reads the configuration anew. One with a fault changes nothing.
    pub fn reload(&self) {
        notify::tell_reloading();
        let before = self.rights();
        let read = files::configuration(&self.configuration);
        let read = read.and_then(|document| Rights::read(&document, &self.lookups, Some(&before)));
        let read = read.and_then(|rights| match rights.places == before.places {
            true => Ok(rights),
            false => Err(invalid("sockets and metrics are where they were at the start: other ones take a restart")),
        });
        let read = read.and_then(|rights| self.records.reopen(rights.audit_log.as_deref()).map(|()| rights));
        match read {
            Ok(rights) => {
                rights.succeed(&before);
                *lock(&self.rights) = Arc::new(rights);
                self.count(|metrics| &metrics.reloads[0]);
                eprintln!("secure-outbound-sidecar: the configuration was read anew");
            }
            Err(error) => {
                self.count(|metrics| &metrics.reloads[1]);
                eprintln!("secure-outbound-sidecar: the configuration stays as it was: {error}");
            }
        }
        notify::tell("READY=1");
    }
}
