//! The request head: what `send` is asked to do, in one document or in two, of which the one is the same from call to call.

use serde::Deserialize;

use super::configuration::HttpVersion;
use super::credential::CredentialSpec;
use super::parse::parse;
use crate::error::{Code, Error};

/// A request, as it was handed in.
pub struct Request {
    /// What it has of its service.
    pub service: ServiceHead,
    /// What is its own.
    pub call: CallHead,
}

/// What the requests to a service have in common. Unknown keys are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceHead {
    /// Version of the document, 1.
    pub version: u32,
    /// Name of the service, for the audit record.
    pub service_id: String,
    /// Absolute URL that `path` is appended to.
    #[serde(default)]
    pub base_url: Option<String>,
    /// Name of the idempotency header, `Idempotency-Key` where absent.
    #[serde(default)]
    pub idempotency_header: Option<String>,
    /// Credentials, in the order of the envelopes.
    #[serde(default)]
    pub credentials: Vec<CredentialSpec>,
    /// What a request may do. Absent is `policy.missing`.
    #[serde(default)]
    pub policy: Option<PolicySpec>,
    /// Other base URLs, of which the secret says whether one counts.
    #[serde(default)]
    pub alternatives: Vec<AlternativeSpec>,
}

/// What is a request's own. Unknown keys are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallHead {
    /// Version of the document, 1.
    pub version: u32,
    /// The caller's id for this call.
    #[serde(default)]
    pub correlation_id: Option<String>,
    /// Upper-case method token.
    pub method: String,
    /// Path below the base URL.
    #[serde(default)]
    pub path: Option<String>,
    /// Query as name and value, not yet encoded.
    #[serde(default)]
    pub query: Option<Vec<(String, String)>>,
    /// Absolute URL, instead of `path` and `query`.
    #[serde(default)]
    pub url: Option<String>,
    /// Header fields in order.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// Deadline of the whole call.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// For how long nothing may come.
    #[serde(default)]
    pub idle_timeout_ms: Option<u64>,
    /// How long making a connection may take.
    #[serde(default)]
    pub connect_timeout_ms: Option<u64>,
    /// Value of the idempotency header.
    #[serde(default)]
    pub idempotency_key: Option<String>,
}

/// Both in one document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeHead {
    version: u32,
    service_id: String,
    #[serde(default)]
    correlation_id: Option<String>,
    method: String,
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    query: Option<Vec<(String, String)>>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    timeout_ms: Option<u64>,
    #[serde(default)]
    idle_timeout_ms: Option<u64>,
    #[serde(default)]
    connect_timeout_ms: Option<u64>,
    #[serde(default)]
    idempotency_key: Option<String>,
    #[serde(default)]
    idempotency_header: Option<String>,
    #[serde(default)]
    credentials: Vec<CredentialSpec>,
    #[serde(default)]
    policy: Option<PolicySpec>,
    #[serde(default)]
    alternatives: Vec<AlternativeSpec>,
}

/// A base URL that counts in place of the request's, where the secret ends so.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlternativeSpec {
    /// How the secret ends.
    pub secret_suffix: String,
    /// Absolute URL.
    pub base_url: String,
}

/// What a request may do. Unknown keys are refused.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    /// `host` or `host:port` entries; absent is the base URL's own.
    #[serde(default)]
    pub allowed_hosts: Option<Vec<String>>,
    /// Method tokens; required and not empty.
    #[serde(default)]
    pub allowed_methods: Option<Vec<String>>,
    /// Path patterns; absent is everything below the base path.
    #[serde(default)]
    pub allowed_paths: Option<Vec<String>>,
    /// Whether `http://` may go to an internal host.
    #[serde(default)]
    pub allow_http: bool,
    /// Whether `%2f` may be in a segment.
    #[serde(default)]
    pub allow_encoded_slash: bool,
    /// How many redirects are followed.
    #[serde(default)]
    pub max_redirects: u32,
    /// How many attempts are made.
    #[serde(default = "one")]
    pub max_attempts: u32,
    /// When the service gets no requests for a while; absent is never.
    #[serde(default)]
    pub breaker: Option<BreakerSpec>,
    /// Ceiling of the deadline.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// Ceiling of the time for which nothing may come.
    #[serde(default)]
    pub idle_timeout_ms: Option<u64>,
    /// Ceiling of the request's body.
    #[serde(default)]
    pub request_bytes: Option<u64>,
    /// Ceiling of the response's body, after decoding.
    #[serde(default)]
    pub response_bytes: Option<u64>,
    /// The HTTP versions that may be spoken, of those that the configuration allows; absent is all of them.
    #[serde(default)]
    pub http_versions: Option<Vec<HttpVersion>>,
    /// How it is known that the API has HTTP/3; without it HTTP/3 is never tried.
    #[serde(default)]
    pub http3: Option<Http3>,
}

/// How it is known that an API has HTTP/3.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Http3 {
    /// The operator says so.
    Registered,
    /// It says so itself, by Alt-Svc (RFC 7838).
    AltSvc,
}

/// When a service that fails gets no requests for a while.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerSpec {
    /// How many failures in a row it takes.
    pub failures: u32,
    /// For how long.
    pub open_ms: u64,
}

fn one() -> u32 {
    1
}

/// Without URL, query and headers, which may hold what no log should.
impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("service_id", &self.service.service_id)
            .field("method", &self.call.method)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// Reads a request head. The text of a failure names what is wrong and repeats no value.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        let whole: WholeHead = parse(document, Code::Malformed)?;
        let service = ServiceHead {
            version: whole.version,
            service_id: whole.service_id,
            base_url: whole.base_url,
            idempotency_header: whole.idempotency_header,
            credentials: whole.credentials,
            policy: whole.policy,
            alternatives: whole.alternatives,
        };
        service.check()?;
        let call = CallHead {
            version: whole.version,
            correlation_id: whole.correlation_id,
            method: whole.method,
            path: whole.path,
            query: whole.query,
            url: whole.url,
            headers: whole.headers,
            timeout_ms: whole.timeout_ms,
            idle_timeout_ms: whole.idle_timeout_ms,
            connect_timeout_ms: whole.connect_timeout_ms,
            idempotency_key: whole.idempotency_key,
        };
        call.check(&service)?;
        Ok(Self { service, call })
    }
}

impl ServiceHead {
    /// Reads what the requests to a service have in common.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        let service: Self = parse(document, Code::Malformed)?;
        service.check()?;
        Ok(service)
    }

    fn check(&self) -> Result<(), Error> {
        check_version(self.version)?;
        if is_name(&self.service_id) { Ok(()) } else { Err(no_name("service_id")) }
    }

    /// They are about one secret, and what follows the base URL is what they have in common.
    fn check_alternatives(&self) -> Result<(), Error> {
        let refuse = |message: &'static str| Err(Error::new(Code::Malformed, message));
        if self.alternatives.is_empty() {
            return Ok(());
        }
        let one = matches!(self.credentials.as_slice(), [one] if one.kind.is_sent());
        if !one || self.base_url.is_none() {
            return refuse("alternatives need a base_url and one credential, of a type that is sent itself");
        }
        let is_suffix = |text: &str| {
            (1..=MAX_SUFFIX).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte))
        };
        if self.alternatives.len() > MAX_ALTERNATIVES {
            return refuse("alternatives are at most 8");
        }
        if !self.alternatives.iter().all(|spec| is_suffix(&spec.secret_suffix)) {
            return refuse(
                "the secret_suffix of an alternative must be 1 to 8 printable ASCII characters without a space",
            );
        }
        Ok(())
    }
}

impl CallHead {
    /// Reads what is a request's own, beside its service.
    pub fn parse(document: &[u8], service: &ServiceHead) -> Result<Self, Error> {
        let call: Self = parse(document, Code::Malformed)?;
        call.check(service)?;
        Ok(call)
    }

    fn check(&self, service: &ServiceHead) -> Result<(), Error> {
        let refuse = |message: &'static str| Err(Error::new(Code::Malformed, message));
        check_version(self.version)?;
        if !self.correlation_id.as_deref().is_none_or(is_name) {
            return Err(no_name("correlation_id"));
        }
        if let Some(key) = &self.idempotency_key
            && !(1..=255).contains(&key.len()) | !key.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
        {
            return refuse("idempotency_key must be 1 to 255 printable ASCII characters");
        }
        if self.timeout_ms == Some(0) {
            return refuse("timeout_ms must be at least 1");
        }
        if self.idle_timeout_ms == Some(0) {
            return refuse("idle_timeout_ms must be at least 1");
        }
        if self.connect_timeout_ms == Some(0) {
            return refuse("connect_timeout_ms must be at least 1");
        }
        service.check_alternatives()?;
        match (&self.url, &service.base_url) {
            (Some(_), _) if self.path.is_some() || self.query.is_some() => refuse("url replaces path and query"),
            (None, None) => refuse("base_url or url is required"),
            _ => Ok(()),
        }
    }
}

fn check_version(version: u32) -> Result<(), Error> {
    if version == 1 { Ok(()) } else { Err(Error::new(Code::Malformed, "the request's version must be 1")) }
}

fn no_name(key: &str) -> Error {
    Error::new(Code::Malformed, format!("{key} must be 1 to 128 of A-Z a-z 0-9 . _ : -"))
}

/// More than a service has regions.
const MAX_ALTERNATIVES: usize = 8;

/// A binding tells whoever can write requests whether a secret ends so. This is all that can be learnt of one.
const MAX_SUFFIX: usize = 8;

fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_value_of_the_callers() {
        let document =
            br#"{"version": 1, "service_id": "shop", "method": "GET", "url": "https://a.example/s3cr3t?key=s3cr3t",
            "headers": [["authorization", "s3cr3t"]], "idempotency_key": "s3cr3t"}"#;
        let shown = format!("{:?}", Request::parse(document));
        assert!(shown.contains("shop") && !shown.contains("s3cr3t"), "{shown}");
    }
}
