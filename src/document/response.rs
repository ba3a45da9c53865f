//! What goes back: response heads, the audit record in them, and the head of `open`.

use std::borrow::Cow;

use serde::Serialize;

use crate::error::{Error, Sent, Warning};
use crate::text::printable;

/// A response head.
#[derive(Serialize)]
pub struct ResponseHead {
    version: u32,
    status: Option<u16>,
    http_version: Option<&'static str>,
    headers: Vec<(String, String)>,
    error: Option<ErrorDocument>,
    audit: AuditRecord,
}

/// The head of a response whose body is read in pieces.
#[derive(Serialize)]
pub struct StreamHead {
    version: u32,
    status: u16,
    http_version: &'static str,
    headers: Vec<(String, String)>,
}

impl StreamHead {
    /// The head of a response that has begun to arrive.
    pub fn new(status: u16, http_version: &'static str, headers: Vec<(String, String)>) -> Self {
        Self { version: 1, status, http_version, headers }
    }
}

/// What is told of a call once it has ended.
#[derive(Serialize)]
pub struct RecordHead {
    version: u32,
    audit: AuditRecord,
}

impl RecordHead {
    /// The record of a call that ended well, or with this error.
    pub fn new(audit: AuditRecord, error: Option<&Error>) -> Self {
        let audit = match error {
            Some(error) => audit.failed(error),
            None => audit.responded(),
        };
        Self { version: 1, audit }
    }
}

/// An error in a document.
#[derive(Debug, Serialize)]
struct ErrorDocument {
    class: &'static str,
    code: &'static str,
    message: String,
    retryable: bool,
    sent: &'static str,
    http_status: Option<u16>,
}

/// The metadata of one call. It never holds a path, a query, a header value, a body or a secret.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AuditRecord {
    /// The service's name.
    pub service_id: Option<String>,
    /// The caller's id for the call.
    pub correlation_id: Option<String>,
    /// When the call came in: RFC 3339, UTC, milliseconds.
    pub timestamp: String,
    /// The request's method.
    pub method: Option<String>,
    /// The host that the request was for.
    pub host: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// The path pattern that matched.
    pub path_template: Option<String>,
    /// The response's status, also where its reading failed.
    pub status: Option<u16>,
    /// From the call's beginning to its end.
    pub duration_us: u64,
    /// Body bytes out, after injection, over all attempts.
    pub bytes_out: u64,
    /// Body bytes in, before decoding, over all attempts.
    pub bytes_in: u64,
    /// How often the request was attempted.
    pub attempts: u32,
    /// Of each attempt the code of its failure, or `http_503` and the like of a response of 400 and above. Only the last
    /// attempt can have ended otherwise, and then has none.
    pub attempt_errors: Vec<Cow<'static, str>>,
    /// Token requests that were made or tried, each in one record only.
    pub token_requests: u32,
    /// The address that the socket was connected to.
    pub remote_address: Option<String>,
    /// `1.2` or `1.3`.
    pub tls_version: Option<&'static str>,
    /// `1.1`, `2` or `3`.
    pub http_version: Option<&'static str>,
    /// Whether no connect was needed.
    pub connection_reused: Option<bool>,
    /// Identifiers of the credentials.
    pub credentials: Vec<String>,
    /// `error.class`.
    pub error_class: Option<&'static str>,
    /// `error.code`.
    pub error_code: Option<&'static str>,
    /// `error.sent`, or `yes` where there is no error: a response came.
    pub sent: Option<&'static str>,
    /// Which engine made the call.
    pub transport: &'static str,
    /// Which version of it.
    pub library_version: &'static str,
    /// Who resolved the target's name, where a proxy was configured for it.
    pub proxy_resolve: Option<&'static str>,
}

impl AuditRecord {
    /// The record of a call that ended with a response.
    fn responded(mut self) -> Self {
        self.sent = Some(Sent::Yes.as_str());
        self
    }

    /// The record of a call that ended so.
    fn failed(mut self, error: &Error) -> Self {
        self.error_class = Some(error.code.class());
        self.error_code = Some(error.code.as_str());
        self.sent = Some(error.sent.as_str());
        self.status = error.http_status;
        self
    }
}

impl ResponseHead {
    /// The head of a response that arrived.
    pub fn received(
        status: u16,
        http_version: &'static str,
        headers: Vec<(String, String)>,
        audit: AuditRecord,
    ) -> Self {
        let (status, http_version, audit) = (Some(status), Some(http_version), audit.responded());
        Self { version: 1, status, http_version, headers, error: None, audit }
    }

    /// The head of a refusal or failure. `idempotent` says whether the request may be processed twice.
    pub fn failure(error: &Error, idempotent: bool, audit: AuditRecord) -> Self {
        let audit = audit.failed(error);
        let error = Some(ErrorDocument::new(error, idempotent));
        Self { version: 1, status: None, http_version: None, headers: Vec::new(), error, audit }
    }
}

impl ErrorDocument {
    fn new(error: &Error, idempotent: bool) -> Self {
        Self {
            class: error.code.class(),
            code: error.code.as_str(),
            message: printable(&error.message).into_owned(),
            retryable: error.code.is_transient() && (error.sent == Sent::No || idempotent),
            sent: error.sent.as_str(),
            http_status: error.http_status,
        }
    }
}

/// The decision about a request that is not sent.
#[derive(Serialize)]
pub struct DecisionHead {
    version: u32,
    allowed: bool,
    method: Option<String>,
    url: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    path_template: Option<String>,
    http_versions: Option<Vec<&'static str>>,
    error: Option<ErrorDocument>,
    audit: Option<AuditRecord>,
}

impl DecisionHead {
    /// The request may be sent, by one of these versions of HTTP, as far as that is known without resolving, opening and connecting.
    pub fn allowed(
        method: String,
        url: String,
        origin: (String, u16),
        path_template: Option<String>,
        http_versions: Vec<&'static str>,
    ) -> Self {
        let (host, port) = origin;
        Self {
            version: 1,
            allowed: true,
            method: Some(method),
            url: Some(url),
            host: Some(host),
            port: Some(port),
            path_template: path_template.as_deref().map(printable).map(Cow::into_owned),
            http_versions: Some(http_versions),
            error: None,
            audit: None,
        }
    }

    /// The request is refused, and nobody else will record that.
    pub fn refused(error: &Error, audit: AuditRecord) -> Self {
        let audit = Some(audit.failed(error));
        let error = Some(ErrorDocument::new(error, false));
        let (method, url, host, port, path_template, http_versions) = (None, None, None, None, None, None);
        Self { version: 1, allowed: false, method, url, host, port, path_template, http_versions, error, audit }
    }
}

/// What came of looking at credentials. It has a code and no text: whoever asks holds the envelope, not what is in it.
#[derive(Debug, Serialize)]
pub struct CheckHead {
    version: u32,
    code: Option<&'static str>,
}

impl CheckHead {
    /// The head of credentials that can be used, or of ones that cannot.
    pub fn new(refusal: Option<&Error>) -> Self {
        Self { version: 1, code: refusal.map(|error| error.code.as_str()) }
    }
}

/// The head of `open`.
#[derive(Debug, Serialize)]
pub struct OpenHead {
    version: u32,
    warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorDocument>,
}

impl OpenHead {
    /// The head of an engine that is open.
    pub fn opened(warnings: Vec<Warning>) -> Self {
        Self { version: 1, warnings, error: None }
    }

    /// The head of a refused configuration.
    pub fn refused(error: &Error) -> Self {
        Self { version: 1, warnings: Vec::new(), error: Some(ErrorDocument::new(error, true)) }
    }
}
