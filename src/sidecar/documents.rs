//! What the daemon says itself: documents of the frames, and failures that no engine knows of.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::configuration::EnvelopeOwner;
use super::credit::WINDOW;
use super::frame::VERSION;
use crate::audit::Recorder;
use crate::document::{self, AuditRecord};
use crate::error::{Code, Error, Sent};
use crate::text::printable;

/// What audit records call this way into the engine.
pub const TRANSPORT: &str = "sidecar";

/// The document of a call. What the daemon owns is no key of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallDocument {
    version: u32,
    /// The id of the service.
    pub service_id: String,
    /// How long the request's body is; only of one in pieces it may be unknown.
    #[serde(default)]
    pub body_bytes: Option<u64>,
    /// How the request's body is handed over.
    #[serde(default)]
    pub body: BodyForm,
    /// How long the caller waits without having been told how long the call may last: a decision is told only where the call may
    /// last longer, and a refusal is its end. Without it every decision is told.
    #[serde(default)]
    pub known_timeout_ms: Option<u64>,
    /// How the response is told.
    #[serde(default)]
    pub response: ResponseForm,
    /// What of a request is its own: the second of two documents.
    pub request: Box<RawValue>,
}

/// How a request's body is handed over.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum BodyForm {
    /// The request is sent when all of it is there.
    #[default]
    Whole,
    /// It is sent on while it arrives, once.
    Pieces,
}

/// How a response is told.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ResponseForm {
    /// Head and body when both are there, with the record in the head.
    #[default]
    Once,
    /// Head and body when both are there, and then the record. It can be cancelled.
    Whole,
    /// As it comes, and then the record. It can be cancelled.
    Pieces,
}

impl CallDocument {
    /// Reads the document of a call.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        let read: Self = document::parse(document, Code::Malformed)?;
        let malformed = |message| Err(Error::new(Code::Malformed, message));
        match (read.version, read.body, read.body_bytes, read.response) {
            (1, BodyForm::Whole, None, _) => malformed("the document of a call needs body_bytes where body is whole"),
            (1, BodyForm::Pieces, _, ResponseForm::Once) => {
                malformed("the document of a call with body pieces needs response whole or pieces")
            }
            (1, ..) => Ok(read),
            _ => malformed("the version of the document of a call must be 1"),
        }
    }

    /// How many bytes of the call the daemon holds at most, where its response may have so many: of what travels in pieces, a window.
    pub fn held_bytes(&self, response_bytes: u64) -> u64 {
        let most = |is_in_pieces: bool| if is_in_pieces { WINDOW as u64 } else { u64::MAX };
        let request = self.body_bytes.unwrap_or(u64::MAX).min(most(self.body == BodyForm::Pieces));
        request.saturating_add(response_bytes.min(most(self.response == ResponseForm::Pieces)))
    }
}

/// PHP's first document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Greeting {
    /// The version of the frames that it speaks.
    pub version: u32,
    /// Its name, which the daemon has no use for but a look at a recording.
    #[serde(rename = "client")]
    pub _client: String,
}

impl Greeting {
    /// Whether it is one that the daemon can speak with.
    pub fn is_understood(document: &[u8]) -> bool {
        document::parse::<Self>(document, Code::Malformed).is_ok_and(|greeting| greeting.version == u32::from(VERSION))
    }
}

/// The daemon's first document.
pub fn hello() -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    format!(r#"{{"version":{VERSION},"library_version":"{version}","features":[]}}"#).into_bytes()
}

/// The document of a decision: the engine's own, how long the call may last from now, how long where its response is read in
/// pieces, and whose its envelopes are.
pub fn decision(decision: &[u8], times_ms: Option<[u128; 2]>, envelopes: EnvelopeOwner) -> Vec<u8> {
    let text = |time: Option<u128>| time.map_or_else(|| "null".to_owned(), |time| time.to_string());
    let [timeout, total] = times_ms.map_or([None, None], |times| times.map(Some)).map(text);
    let owner = match envelopes {
        EnvelopeOwner::Daemon => "daemon",
        EnvelopeOwner::Caller => "caller",
    };
    let begin =
        format!(r#"{{"version":1,"timeout_ms":{timeout},"total_timeout_ms":{total},"envelopes":"{owner}","decision":"#);
    [begin.as_bytes(), decision, b"}"].concat()
}

/// Why the daemon itself does not make a call, or cannot say what became of it. `docs/wire.md` has the codes.
#[derive(Debug)]
pub struct DaemonFailure {
    code: &'static str,
    message: Cow<'static, str>,
    retryable: bool,
    sent: Sent,
}

impl DaemonFailure {
    /// The caller has no service of this id, or there is none: it does not learn which.
    pub fn unknown_service(id: &str) -> Self {
        let id: String = printable(id).chars().take(64).collect();
        Self::refused("policy.service_unknown", format!("the daemon gives this user no service \"{id}\""))
    }

    /// The caller is at one of its limits.
    pub fn at_limit(what: &str) -> Self {
        let message = format!("the user, or all users together, already have as many {what} as the daemon allows");
        Self { retryable: true, ..Self::refused("policy.caller_limit", message) }
    }

    /// There is no envelope for a credential.
    pub fn no_envelope(identifier: &str, what: &str) -> Self {
        Self::refused("credential.not_found", format!("the credential \"{}\": {what}", printable(identifier)))
    }

    /// A line of the daemon's records cannot be written.
    pub fn unrecorded(sent: Sent) -> Self {
        let refused = Self::refused("internal.audit_failed", "the daemon cannot write its own record of the call");
        Self { sent, ..refused }
    }

    /// The engine has a bug.
    pub fn panicked() -> Self {
        let message = "the daemon has a bug; please report what was called, without its data";
        Self { sent: Sent::Maybe, ..Self::refused(Code::Panic.as_str(), message) }
    }

    fn refused(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retryable: false, sent: Sent::No }
    }

    /// The record of a call of which nothing but the id of its service is known.
    pub fn record(service_id: Option<&str>) -> AuditRecord {
        let mut record = Recorder::begin(TRANSPORT).end();
        record.service_id = service_id.map(|id| printable(id).chars().take(128).collect());
        record
    }

    /// The head of a decision or of a response that says so.
    pub fn head(&self, mut record: AuditRecord, is_decision: bool) -> Vec<u8> {
        let class = self.code.split_once('.').map_or("internal", |(class, _)| class);
        record.error_class = Some(class);
        record.error_code = Some(self.code);
        record.sent = Some(self.sent.as_str());
        let head = FailureHead {
            version: 1,
            allowed: is_decision.then_some(false),
            status: None,
            headers: [],
            error: FailureDocument {
                class,
                code: self.code,
                message: &self.message,
                retryable: self.retryable,
                sent: self.sent.as_str(),
                http_status: None,
            },
            audit: record,
        };
        serde_json::to_vec(&head).unwrap_or_default()
    }
}

impl From<Error> for DaemonFailure {
    fn from(error: Error) -> Self {
        Self { sent: error.sent, ..Self::refused(error.code.as_str(), error.message) }
    }
}

#[derive(Serialize)]
struct FailureDocument<'a> {
    class: &'static str,
    code: &'static str,
    message: &'a str,
    retryable: bool,
    sent: &'static str,
    http_status: Option<u16>,
}

#[derive(Serialize)]
struct FailureHead<'a> {
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<bool>,
    status: Option<u16>,
    headers: [(); 0],
    error: FailureDocument<'a>,
    audit: AuditRecord,
}

/// What the daemon's own records take of a head.
#[derive(Deserialize)]
pub struct HeadSummary<'a> {
    #[serde(borrow)]
    error: Option<SummaryError<'a>>,
    /// The record of the call.
    #[serde(borrow)]
    pub audit: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct SummaryError<'a> {
    #[serde(borrow)]
    sent: Cow<'a, str>,
}

impl<'a> HeadSummary<'a> {
    /// Reads what there is in a head of a decision or response.
    pub fn of(head: &'a [u8]) -> Self {
        serde_json::from_slice(head).unwrap_or(Self { error: None, audit: None })
    }

    /// Whether it says that no response came, or that none may be shown.
    pub fn is_failure(&self) -> bool {
        self.error.is_some()
    }

    /// What is known of sending.
    pub fn sent(&self) -> &str {
        self.error.as_ref().map_or("yes", |error| &error.sent)
    }
}
