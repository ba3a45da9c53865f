//! The request head: what `send` is asked to do.

use serde::Deserialize;

use super::credential::{CredentialKind, CredentialSpec};
use super::parse::parse;
use crate::error::{Code, Error};

/// A request head, as it was handed in. Unknown keys are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Version of the document, 1.
    pub version: u32,
    /// Name of the service, for the audit record.
    pub service_id: String,
    /// The caller's id for this call.
    #[serde(default)]
    pub correlation_id: Option<String>,
    /// Upper-case method token.
    pub method: String,
    /// Absolute URL that `path` is appended to.
    #[serde(default)]
    pub base_url: Option<String>,
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
    /// Value of the idempotency header.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    /// Name of the idempotency header, `Idempotency-Key` where absent.
    #[serde(default)]
    pub idempotency_header: Option<String>,
    /// Credentials, in the order of the envelopes.
    #[serde(default)]
    pub credentials: Vec<CredentialSpec>,
    /// What the request may do. Absent is `policy.missing`.
    #[serde(default)]
    pub policy: Option<PolicySpec>,
    /// Other base URLs, of which the secret says whether one counts.
    #[serde(default)]
    pub alternatives: Vec<AlternativeSpec>,
}

/// A base URL that counts in place of the request's, where the secret ends so.
#[derive(Debug, Deserialize)]
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
    /// Ceiling of the request's body.
    #[serde(default)]
    pub request_bytes: Option<u64>,
    /// Ceiling of the response's body, after decoding.
    #[serde(default)]
    pub response_bytes: Option<u64>,
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
            .field("service_id", &self.service_id)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// Reads a request head. The text of a failure names what is wrong and repeats no value.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        let request: Self = parse(document, Code::Malformed)?;
        request.check()?;
        Ok(request)
    }

    fn check(&self) -> Result<(), Error> {
        let refuse = |message: &'static str| Err(Error::new(Code::Malformed, message));
        if self.version != 1 {
            return refuse("the request's version must be 1");
        }
        if !is_name(&self.service_id) {
            return refuse("service_id must be 1 to 128 of A-Z a-z 0-9 . _ : -");
        }
        if !self.correlation_id.as_deref().is_none_or(is_name) {
            return refuse("correlation_id must be 1 to 128 of A-Z a-z 0-9 . _ : -");
        }
        if let Some(key) = &self.idempotency_key
            && !(1..=255).contains(&key.len()) | !key.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
        {
            return refuse("idempotency_key must be 1 to 255 printable ASCII characters");
        }
        if self.timeout_ms == Some(0) {
            return refuse("timeout_ms must be at least 1");
        }
        self.check_alternatives()?;
        match (&self.url, &self.base_url) {
            (Some(_), _) if self.path.is_some() || self.query.is_some() => refuse("url replaces path and query"),
            (None, None) => refuse("base_url or url is required"),
            _ => Ok(()),
        }
    }

    /// They are about one secret, and what follows the base URL is what they have in common.
    fn check_alternatives(&self) -> Result<(), Error> {
        let refuse = |message: &'static str| Err(Error::new(Code::Malformed, message));
        if self.alternatives.is_empty() {
            return Ok(());
        }
        let one = matches!(self.credentials.as_slice(), [one] if one.kind != CredentialKind::Oauth2ClientCredentials);
        if !one || self.base_url.is_none() {
            return refuse(
                "alternatives need a base_url and one credential, of another type than oauth2_client_credentials",
            );
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
