//! Where a request goes: a URL in the one form that is matched, sent and logged.

use std::fmt;

use url::Host;

use super::refusal::refuse;
use crate::error::{Code, Error};

/// The longest URL, canonical and whole.
const MAX_URL_BYTES: usize = 8192;

/// The schemes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP over TLS.
    Https,
    /// Plain HTTP, for internal hosts where the policy allows it.
    Http,
}

impl Scheme {
    /// The scheme as a URL has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Https => "https",
            Scheme::Http => "http",
        }
    }

    /// The port of a URL that names none.
    pub fn default_port(self) -> u16 {
        match self {
            Scheme::Https => 443,
            Scheme::Http => 80,
        }
    }
}

/// Scheme, host and port. Two URLs have the same origin where these are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The scheme.
    pub scheme: Scheme,
    /// The host in canonical form.
    pub host: Host,
    /// The port, the scheme's own where the URL names none.
    pub port: u16,
}

impl Origin {
    /// Host and port as a URL has them.
    pub fn authority(&self) -> String {
        match self.port == self.scheme.default_port() {
            true => self.host.to_string(),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

/// A URL in canonical form. Only the rules of this room make one.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    origin: Origin,
    path: String,
    query: Option<String>,
}

/// Without path and query, which may hold what no log should.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Target {
    /// Scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path, percent-encoded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query, percent-encoded and without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The whole, as it is sent: with its own query, or with the one that credentials made of it.
    pub fn text(&self, query: Option<&str>) -> String {
        format!("{}{}", self.origin, self.path_and_query(query))
    }

    /// What follows the origin.
    pub fn path_and_query(&self, query: Option<&str>) -> String {
        match query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    pub(super) fn new(origin: Origin, path: String, query: Option<String>) -> Result<Self, Error> {
        let target = Self { origin, path, query };
        if target.text(target.query()).len() > MAX_URL_BYTES {
            return refuse(Code::PathNotCanonical, "the URL is longer than 8192 bytes");
        }
        Ok(target)
    }
}
