//! The configuration: what `open` is asked to do.

use std::borrow::Cow;
use std::path::PathBuf;

use serde::Deserialize;

use super::master_key::MasterKeySpec;
use super::parse::parse;
use crate::error::{Code, Error};

/// No call lasts longer, and no sum of times overflows.
const DAY_MS: u64 = 86_400_000;

/// A configuration, as it was handed in. Unknown keys are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Version of the document, 1.
    pub version: u32,
    /// Master keys, tried in order.
    #[serde(default)]
    pub master_keys: Vec<MasterKeySpec>,
    /// The only hosts with addresses that are not public.
    #[serde(default)]
    pub internal_hosts: Vec<InternalHostSpec>,
    /// Trust anchors.
    #[serde(default)]
    pub tls: TlsSpec,
    /// The proxy.
    #[serde(default)]
    pub proxy: Option<ProxySpec>,
    /// What applies where neither request nor policy says.
    #[serde(default)]
    pub defaults: Defaults,
    /// Ceilings that nothing exceeds.
    #[serde(default)]
    pub limits: Limits,
    /// Where the workers of the host share access tokens; without it each process has its own.
    #[serde(default)]
    pub token_cache: Option<TokenCacheSpec>,
    /// Where refresh tokens are kept; without it no credential that has one is used.
    #[serde(default)]
    pub refresh_tokens: Option<RefreshTokensSpec>,
    /// Whether the transport in PHP may be used. PHP reads it; the library knows the key, since one document serves both.
    #[serde(default = "yes")]
    pub php_transport: bool,
    /// The daemon that PHP may ask in place of the library. PHP reads it, as `php_transport`.
    #[serde(default)]
    pub sidecar: Option<SidecarSpec>,
    /// HTTP versions that may be spoken.
    #[serde(default = "both_versions")]
    pub http_versions: Vec<HttpVersion>,
    /// Value of `user-agent` where the caller sets none.
    #[serde(default = "user_agent")]
    pub user_agent: String,
}

/// An entry of `internal_hosts`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InternalHostSpec {
    /// An exact name or literal address.
    pub host: String,
    /// The networks, in CIDR notation, that every address of the host lies in.
    pub networks: Vec<String>,
    /// The ports that may be used.
    pub ports: Vec<u16>,
}

/// Trust anchors.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsSpec {
    /// Which trust anchors count.
    pub roots: RootSource,
    /// PEM file of trust anchors; required for `file` and `system+file`.
    pub ca_file: Option<PathBuf>,
    /// PEM file of certificate revocation lists (RFC 5280 section 5).
    pub crl_file: Option<PathBuf>,
    /// Whether key exchanges are offered that a quantum computer does not break.
    pub post_quantum: bool,
}

impl Default for TlsSpec {
    fn default() -> Self {
        Self { roots: RootSource::default(), ca_file: None, crl_file: None, post_quantum: true }
    }
}

/// Which trust anchors count.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub enum RootSource {
    /// The system's.
    #[default]
    #[serde(rename = "system")]
    System,
    /// Those of `ca_file` alone.
    #[serde(rename = "file")]
    File,
    /// Both.
    #[serde(rename = "system+file")]
    SystemAndFile,
}

/// The proxy. Its URL can hold a password, so it has no `Debug` that shows it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxySpec {
    /// `http://[user:password@]host[:port]`.
    pub url: String,
    /// Hosts that are reached directly, on whatever port.
    #[serde(default)]
    pub no_proxy: Vec<String>,
    /// Who resolves the target's name.
    #[serde(default)]
    pub resolve: Resolution,
}

impl std::fmt::Debug for ProxySpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProxySpec").field("resolve", &self.resolve).finish_non_exhaustive()
    }
}

/// Who resolves the target's name.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The library judges the addresses; the proxy resolves once more.
    #[default]
    Local,
    /// The proxy alone. Only literals and the host policy are judged.
    Proxy,
}

/// Where the workers of the host share access tokens.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenCacheSpec {
    /// An absolute path. What is wrong with the directory itself is a warning, since it can be repaired while the process
    /// runs.
    pub directory: PathBuf,
}

/// Where refresh tokens are kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshTokensSpec {
    /// An absolute path. What is wrong with the directory itself is a warning, as with the token cache.
    pub directory: PathBuf,
}

/// The daemon that PHP may ask.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SidecarSpec {
    /// The path of its socket, absolute.
    pub socket: PathBuf,
}

/// What applies where neither request nor policy says.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// Deadline of a call.
    pub timeout_ms: u64,
    /// Limit of resolving, TCP, CONNECT and TLS of one attempt.
    pub connect_timeout_ms: u64,
    /// Limit of a response's body after decoding.
    pub response_bytes: u64,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { timeout_ms: 30_000, connect_timeout_ms: 10_000, response_bytes: 8 << 20 }
    }
}

/// Ceilings that nothing exceeds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Of a call's deadline.
    pub timeout_ms: u64,
    /// Of the time for which nothing may come; absent is no limit.
    pub idle_timeout_ms: Option<u64>,
    /// Of a request's body.
    pub request_bytes: u64,
    /// Of a response's body after decoding.
    pub response_bytes: u64,
    /// Of a response's head.
    pub header_bytes: u32,
    /// The only hosts that any policy may allow, in the form of `allowed_hosts`; absent is no limit.
    pub hosts: Option<Vec<String>>,
    /// Whether a credential is refused whose binding has no hosts.
    pub require_binding: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout_ms: 600_000,
            idle_timeout_ms: None,
            request_bytes: 32 << 20,
            response_bytes: 256 << 20,
            header_bytes: 64 << 10,
            hosts: None,
            require_binding: false,
        }
    }
}

/// An HTTP version.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/3, which goes over UDP.
    #[serde(rename = "3")]
    Http3,
    /// HTTP/2.
    #[serde(rename = "2")]
    Http2,
    /// HTTP/1.1.
    #[serde(rename = "1.1")]
    Http11,
}

impl HttpVersion {
    /// Whether a list has one that goes over TCP: UDP does not get through everywhere.
    pub fn any_over_tcp(list: &[Self]) -> bool {
        list.iter().any(|version| *version != Self::Http3)
    }
}

fn yes() -> bool {
    true
}

fn both_versions() -> Vec<HttpVersion> {
    vec![HttpVersion::Http2, HttpVersion::Http11]
}

fn user_agent() -> String {
    concat!("secure-outbound/", env!("CARGO_PKG_VERSION")).to_owned()
}

impl Configuration {
    /// Reads a configuration.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        let configuration: Self = parse(document, Code::ConfigurationInvalid)?;
        configuration.check()?;
        Ok(configuration)
    }

    fn check(&self) -> Result<(), Error> {
        let invalid = |message: Cow<'static, str>| Err(Error::new(Code::ConfigurationInvalid, message));
        let refuse = |message: &'static str| invalid(Cow::Borrowed(message));
        let times = [
            ("defaults.timeout_ms", self.defaults.timeout_ms),
            ("defaults.connect_timeout_ms", self.defaults.connect_timeout_ms),
            ("limits.timeout_ms", self.limits.timeout_ms),
            ("limits.idle_timeout_ms", self.limits.idle_timeout_ms.unwrap_or(DAY_MS)),
        ];
        if self.version != 1 {
            return refuse("the configuration's version must be 1");
        }
        if let Some((key, _)) = times.iter().find(|(_, time)| !(1..=DAY_MS).contains(time)) {
            return invalid(format!("{key} must be from 1 to {DAY_MS}").into());
        }
        if !(1024..=16 << 20).contains(&self.limits.header_bytes) {
            return refuse("limits.header_bytes must be from 1024 to 16777216");
        }
        // A worker's current directory is not the administrator's.
        if self.token_cache.as_ref().is_some_and(|cache| !cache.directory.is_absolute()) {
            return refuse("token_cache.directory must be an absolute path");
        }
        if self.refresh_tokens.as_ref().is_some_and(|tokens| !tokens.directory.is_absolute()) {
            return refuse("refresh_tokens.directory must be an absolute path");
        }
        if self.sidecar.as_ref().is_some_and(|sidecar| !sidecar.socket.is_absolute()) {
            return refuse("sidecar.socket must be an absolute path");
        }
        if self.http_versions.is_empty() {
            return refuse("http_versions may not be empty");
        }
        if !HttpVersion::any_over_tcp(&self.http_versions) {
            return refuse("http_versions needs 2 or 1.1 beside 3, which does not get through everywhere");
        }
        if http::HeaderValue::from_str(&self.user_agent).is_err() {
            return refuse("user_agent cannot be sent in a header");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(document: &str) -> Result<Configuration, Error> {
        Configuration::parse(document.as_bytes())
    }

    #[test]
    fn a_token_cache_is_an_absolute_directory_and_nothing_else() {
        let directory =
            |document: &str| parse(document).expect("a configuration").token_cache.map(|cache| cache.directory);
        assert_eq!(directory(r#"{"version": 1}"#), None);
        let document = r#"{"version": 1, "token_cache": {"directory": "/run/tokens"}}"#;
        assert_eq!(directory(document), Some(PathBuf::from("/run/tokens")));
        for (cache, why) in [
            (r#"{}"#, "missing field `directory`"),
            (r#"{"directory": ""}"#, "absolute"),
            (r#"{"directory": "run/tokens"}"#, "absolute"),
            (r#"{"directory": null}"#, "wrong type"),
            (r#"{"directory": 1}"#, "wrong type"),
            (r#"{"directory": "/a", "path": "/b"}"#, "unknown field `path`"),
            (r#"{"directory": "/a", "directory": "/b"}"#, "duplicate field `directory`"),
            (r#""/run/tokens""#, "wrong type"),
        ] {
            let error = parse(&format!(r#"{{"version": 1, "token_cache": {cache}}}"#)).expect_err(cache);
            assert_eq!(error.code, Code::ConfigurationInvalid, "{cache}");
            assert!(error.message.contains(why), "{cache}: {error}");
        }
    }
}
