//! The daemon's own records: a line before a call, and a line with its outcome. No code in PHP makes a call without them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::account::Subject;
use super::configuration::invalid;
use crate::error::Error;
use crate::sys::lock;

/// Where the lines go. A line is written whole, at once, and before the call goes on.
pub struct Records(Mutex<RecordFile>);

enum RecordFile {
    File(File),
    StandardError,
}

/// Who asked.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Asker {
    /// The name of the socket at which it asked; the first one has none.
    pub socket: Option<&'static str>,
    /// The number of the user, as the kernel says it.
    pub uid: u32,
    /// The process, as it was when it connected.
    pub pid: Option<i32>,
    /// The caller's number of the call.
    pub call: u64,
}

impl Asker {
    /// The caller whose it is.
    pub fn subject(&self) -> Subject {
        Subject { socket: self.socket, uid: self.uid }
    }
}

/// A line before a call.
#[derive(Serialize)]
pub struct Begun<'a> {
    event: &'static str,
    time: String,
    #[serde(flatten)]
    asker: Asker,
    service_id: &'a str,
}

/// A line after it.
#[derive(Serialize)]
pub struct Ended<'a> {
    event: &'static str,
    time: String,
    /// Who asked.
    #[serde(flatten)]
    pub asker: Asker,
    /// One of `OUTCOMES`.
    pub outcome: &'static str,
    sent: &'a str,
    /// The service, where no record names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_id: Option<&'a str>,
    /// The record of the engine.
    pub audit: Option<&'a RawValue>,
}

/// How a call can end.
pub const OUTCOMES: [&str; 4] = ["response", "failed", "refused", "cancelled"];

impl<'a> Begun<'a> {
    /// The line of a call that is about to be made.
    pub fn new(asker: Asker, service_id: &'a str) -> Self {
        Self { event: "begin", time: now(), asker, service_id }
    }
}

impl<'a> Ended<'a> {
    /// The line of a call that is over, with the record of the engine where there is one.
    pub fn new(asker: Asker, outcome: &'static str, sent: &'a str, audit: Option<&'a RawValue>) -> Self {
        Self { event: "end", time: now(), asker, outcome, sent, service_id: None, audit }
    }

    /// The line of a call whose caller has gone away.
    pub fn cancelled(asker: Asker, service_id: &'a str) -> Self {
        Self { service_id: Some(service_id), ..Self::new(asker, "cancelled", "maybe", None) }
    }
}

fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

impl Records {
    /// Opens the file, which is made if it is not there, or takes standard error.
    pub fn open(path: Option<&Path>) -> Result<Self, Error> {
        RecordFile::open(path).map(|target| Self(Mutex::new(target)))
    }

    /// Goes on in the file of this path, which may be another one of the same name.
    pub fn reopen(&self, path: Option<&Path>) -> Result<(), Error> {
        let target = RecordFile::open(path)?;
        *lock(&self.0) = target;
        Ok(())
    }

    /// Writes a line.
    pub fn write(&self, record: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        match &mut *lock(&self.0) {
            RecordFile::File(file) => file.write_all(&line),
            RecordFile::StandardError => io::stderr().write_all(&line),
        }
    }
}

impl RecordFile {
    fn open(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else { return Ok(Self::StandardError) };
        let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path);
        file.map(Self::File).map_err(|_| invalid(format!("audit_log: {} cannot be written", path.display())))
    }
}
