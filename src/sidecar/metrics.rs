//! What the daemon counts for its operators: numbers of calls, and nothing of what is in them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::account::Subject;
use super::records::{Ended, OUTCOMES};
use crate::sys::lock;

/// The upper ends of the histogram's buckets.
pub const BUCKETS: [Duration; 12] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// The versions of HTTP.
pub const VERSIONS: [&str; 3] = ["1.1", "2", "3"];

/// Services that can be told apart. More than that, over all configurations that the process has read, are counted as one.
const MOST_SERVICES: usize = 2000;

/// Codes of one service that can be told apart: more than there are.
const MOST_CODES: usize = 200;

/// What is counted of a service.
#[derive(Clone, Default)]
pub struct ServiceCounts {
    /// Calls by who made them and how they ended, in the order of `OUTCOMES`.
    pub calls: BTreeMap<Subject, [u64; OUTCOMES.len()]>,
    /// Errors by their codes.
    pub errors: BTreeMap<String, u64>,
    /// How long the calls took.
    pub durations: Durations,
    /// Token requests.
    pub token_requests: u64,
    /// Calls that needed a new connection to a server.
    pub opened: u64,
    /// Calls that had a connection, in the order of `VERSIONS`.
    pub versions: [u64; VERSIONS.len()],
    /// Bytes of bodies that were sent.
    pub bytes_out: u64,
    /// Bytes of bodies that were received.
    pub bytes_in: u64,
}

/// A histogram.
#[derive(Clone, Default)]
pub struct Durations {
    /// How many are in each bucket alone; the last one has what is longer.
    pub buckets: [u64; BUCKETS.len() + 1],
    /// All of them together.
    pub sum: Duration,
}

/// The counters of a daemon. They begin with the process.
pub struct Metrics {
    services: Mutex<BTreeMap<String, ServiceCounts>>,
    /// When counting began.
    pub since: SystemTime,
    /// Connections of users who are no callers.
    pub strangers: AtomicU64,
    /// Lines of the records that could not be written.
    pub unrecorded: AtomicU64,
    /// Configurations that were read anew, and those among them that had a fault.
    pub reloads: [AtomicU64; 2],
}

/// What is counted of an audit record.
#[derive(Deserialize)]
struct CountedRecord<'a> {
    #[serde(borrow)]
    service_id: Option<Cow<'a, str>>,
    duration_us: u64,
    #[serde(borrow)]
    error_code: Option<Cow<'a, str>>,
    token_requests: u64,
    connection_reused: Option<bool>,
    #[serde(borrow)]
    http_version: Option<Cow<'a, str>>,
    bytes_out: u64,
    bytes_in: u64,
}

impl Metrics {
    /// Counters that begin now.
    pub fn new() -> Self {
        Self {
            services: Mutex::default(),
            since: SystemTime::now(),
            strangers: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
            reloads: [const { AtomicU64::new(0) }; 2],
        }
    }

    /// Counts the end of a call. What is no service of its caller's is counted without a name.
    pub fn ended(&self, end: &Ended<'_>, has_service: impl FnOnce(Subject, &str) -> bool) {
        let record = end.audit.and_then(|record| serde_json::from_str::<CountedRecord<'_>>(record.get()).ok());
        let subject = end.asker.subject();
        let named = end.service_id.or(record.as_ref().and_then(|record| record.service_id.as_deref()));
        let named = named.filter(|id| has_service(subject, id));
        let mut services = lock(&self.services);
        let name = named.filter(|id| services.contains_key(*id) || services.len() < MOST_SERVICES).unwrap_or("");
        if !services.contains_key(name) {
            services.insert(name.to_owned(), ServiceCounts::default());
        }
        let Some(counts) = services.get_mut(name) else { return };
        let of_caller = counts.calls.entry(subject).or_default();
        let how = OUTCOMES.iter().zip(of_caller).filter(|(outcome, _)| **outcome == end.outcome);
        how.for_each(|(_, count)| *count += 1);
        let Some(record) = record else { return };
        if let Some(code) = record.error_code {
            if let Some(count) = counts.errors.get_mut(&*code) {
                *count += 1;
            } else if counts.errors.len() < MOST_CODES {
                counts.errors.insert(code.into_owned(), 1);
            }
        }
        // What was refused took no time of a server's.
        if end.outcome != "refused" {
            counts.durations.add(Duration::from_micros(record.duration_us));
        }
        counts.token_requests += record.token_requests;
        counts.opened += u64::from(record.connection_reused == Some(false));
        if let Some(version) = record.http_version {
            let counted = VERSIONS.iter().zip(&mut counts.versions).filter(|(name, _)| **name == version);
            counted.for_each(|(_, count)| *count += 1);
        }
        counts.bytes_out += record.bytes_out;
        counts.bytes_in += record.bytes_in;
    }

    /// The counts of this moment, by the services' ids.
    pub fn services(&self) -> BTreeMap<String, ServiceCounts> {
        lock(&self.services).clone()
    }
}

impl Durations {
    fn add(&mut self, duration: Duration) {
        let bucket = BUCKETS.iter().position(|most| duration <= *most).unwrap_or(BUCKETS.len());
        self.buckets.iter_mut().skip(bucket).take(1).for_each(|count| *count += 1);
        self.sum += duration;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_in_the_first_bucket_that_it_fits() {
        let mut durations = Durations::default();
        for millis in [0, 5, 6, 30_000, 30_001] {
            durations.add(Duration::from_millis(millis));
        }
        assert_eq!((durations.buckets[0], durations.buckets[1]), (2, 1));
        assert_eq!((durations.buckets[11], durations.buckets[12]), (1, 1));
        assert_eq!(durations.sum, Duration::from_millis(60_012));
    }
}
