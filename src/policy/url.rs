//! Where a request goes: a URL in the one form that is matched, sent and logged.

use std::fmt;

use url::{Host, Url};

use super::host::parse_host_and_port;
use super::{canonical, malformed, refuse};
use crate::error::{Code, Error};

/// The longest URL, canonical and whole.
pub const MAX_URL_BYTES: usize = 8192;

/// The schemes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP over TLS.
    Https,
    /// Plain HTTP, for internal hosts where the policy allows it.
    Http,
}

impl Scheme {
    /// The scheme as it stands in a URL.
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

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// A URL in canonical form. There is no other way to make one than through the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    origin: Origin,
    url: Url,
}

impl Target {
    /// A path and a query below a base URL.
    pub fn from_base(
        base: &str,
        path: &str,
        query: &[(String, String)],
        allow_encoded_slash: bool,
    ) -> Result<Self, Error> {
        Wanted::parse(Some(base), None, path, query)?.destination()?.target(allow_encoded_slash)
    }

    /// An absolute URL, which lies below the base URL where there is one.
    pub fn from_url(url: &str, base: Option<&str>, allow_encoded_slash: bool) -> Result<Self, Error> {
        Wanted::parse(base, Some(url), "", &[])?.destination()?.target(allow_encoded_slash)
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path, percent-encoded.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// The query, percent-encoded and without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.url.query()
    }

    /// The whole, as it is sent.
    pub fn as_url(&self) -> &Url {
        &self.url
    }

    pub(super) fn new(origin: Origin, path: &str, query: Option<&str>) -> Result<Self, Error> {
        let text = match query {
            Some(query) => format!("{origin}{path}?{query}"),
            None => format!("{origin}{path}"),
        };
        if text.len() > MAX_URL_BYTES {
            return Err(Error::new(Code::PathNotCanonical, "the URL is longer than 8192 bytes"));
        }
        // The HTTP client takes this type. Were its spelling another than ours, it would send what nobody checked.
        match Url::parse(&text) {
            Ok(url) if url.as_str() == text => Ok(Self { origin, url }),
            _ => Err(Error::new(Code::PathNotCanonical, "the URL has more than one spelling")),
        }
    }
}

/// An absolute URL in its parts, nothing of the path judged yet.
#[derive(Clone, Debug)]
pub(super) struct Parts<'a> {
    pub(super) origin: Origin,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
}

/// An absolute URL that has the right form. A foreign scheme is an error only once the document as a whole was read.
#[derive(Clone, Debug)]
pub(super) enum Absolute<'a> {
    Web(Parts<'a>),
    Foreign,
}

impl<'a> Absolute<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Error> {
        let (scheme, rest) = split_scheme(text).ok_or_else(|| malformed("a URL is not absolute"))?;
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ => return Ok(Self::Foreign),
        };
        let rest = rest.strip_prefix("//").ok_or_else(|| malformed("a URL is not absolute"))?;
        if rest.contains('#') {
            return Err(malformed("a URL holds a fragment"));
        }
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(malformed("a URL holds a user name or a password"));
        }
        let (host, port) = parse_host_and_port(authority)?;
        let origin = Origin { scheme, host, port: port.unwrap_or(scheme.default_port()) };
        Ok(Self::Web(Parts { origin, path, query }))
    }

    fn web(self) -> Result<Parts<'a>, Error> {
        match self {
            Self::Web(parts) => Ok(parts),
            Self::Foreign => Err(Error::new(Code::SchemeNotAllowed, "the URL's scheme is neither https nor http")),
        }
    }
}

impl Parts<'_> {
    fn canonical_path(&self, allow_encoded_slash: bool) -> Result<String, Error> {
        canonical::path(if self.path.is_empty() { "/" } else { self.path }, allow_encoded_slash)
    }

    pub(super) fn target(&self, allow_encoded_slash: bool) -> Result<Target, Error> {
        let query = self.query.map(canonical::query).transpose()?;
        Target::new(self.origin.clone(), &self.canonical_path(allow_encoded_slash)?, query.as_deref())
    }
}

/// The scheme and what follows its colon (RFC 3986 section 3.1).
pub(super) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let sound = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    sound.then_some((scheme, rest))
}

/// What a request says about its URL, well-formed.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'a> {
    base: Option<Absolute<'a>>,
    url: Option<Absolute<'a>>,
    path: &'a str,
    query: &'a [(String, String)],
}

impl<'a> Wanted<'a> {
    /// Finds everything that is malformed, and nothing else.
    pub(super) fn parse(
        base: Option<&'a str>,
        url: Option<&'a str>,
        path: &'a str,
        query: &'a [(String, String)],
    ) -> Result<Self, Error> {
        let base = base.map(Absolute::parse).transpose()?;
        if let Some(Absolute::Web(Parts { query: Some(_), .. })) = base {
            return Err(malformed("base_url holds a query"));
        }
        let url = url.map(Absolute::parse).transpose()?;
        if let Some(Absolute::Web(Parts { query: Some(query), .. })) = url {
            canonical::query(query)?;
        }
        Ok(Self { base, url, path, query })
    }

    /// Finds foreign schemes.
    pub(super) fn destination(self) -> Result<Destination<'a>, Error> {
        let base = self.base.map(Absolute::web).transpose()?;
        let url = self.url.map(Absolute::web).transpose()?;
        match (url, base) {
            (Some(url), base) => Ok(Destination::Whole { url, base }),
            (None, Some(base)) => Ok(Destination::Below { base, path: self.path, query: self.query }),
            (None, None) => Err(malformed("base_url or url is required")),
        }
    }
}

/// Where a request wants to go; its origin is known, its path not judged yet.
#[derive(Clone, Debug)]
pub(super) enum Destination<'a> {
    /// Path and query below a base URL.
    Below { base: Parts<'a>, path: &'a str, query: &'a [(String, String)] },
    /// A whole URL.
    Whole { url: Parts<'a>, base: Option<Parts<'a>> },
}

impl<'a> Destination<'a> {
    pub(super) fn origin(&self) -> &Origin {
        match self {
            Self::Below { base, .. } => &base.origin,
            Self::Whole { url, .. } => &url.origin,
        }
    }

    pub(super) fn base(&self) -> Option<&Parts<'a>> {
        match self {
            Self::Below { base, .. } => Some(base),
            Self::Whole { base, .. } => base.as_ref(),
        }
    }

    /// A whole URL must have the origin of the base URL beside it.
    pub(super) fn check_origin(&self) -> Result<(), Error> {
        match self.base() {
            Some(base) if base.origin != *self.origin() => {
                refuse(Code::HostNotAllowed, "the URL has another origin than base_url")
            }
            _ => Ok(()),
        }
    }

    /// The target in canonical form, and the base path that it has to lie below.
    pub(super) fn canonical(&self, allow_encoded_slash: bool) -> Result<(Target, Option<String>), Error> {
        let base_path = self.base().map(|base| base.canonical_path(allow_encoded_slash)).transpose()?;
        let target = match self {
            Self::Whole { url, .. } => url.target(allow_encoded_slash)?,
            Self::Below { base, path, query } => {
                let path = canonical::path(&canonical::join(base.path, path), allow_encoded_slash)?;
                Target::new(base.origin.clone(), &path, canonical::query_of_pairs(query).as_deref())?
            }
        };
        Ok((target, base_path))
    }

    /// All of the above at once.
    fn target(&self, allow_encoded_slash: bool) -> Result<Target, Error> {
        self.check_origin()?;
        let (target, base_path) = self.canonical(allow_encoded_slash)?;
        check_below(&target, base_path.as_deref())?;
        Ok(target)
    }
}

/// Whether a target lies below the base path, where there is one.
pub(super) fn check_below(target: &Target, base_path: Option<&str>) -> Result<(), Error> {
    match base_path {
        Some(base) if !canonical::is_below(target.path(), base) => {
            refuse(Code::PathNotAllowed, "the path lies outside the base path")
        }
        _ => Ok(()),
    }
}
