//! The first stages of a URL: well-formed, then with known schemes, then canonical.
//!
//! The order of errors puts other checks between them, so each stage refuses for its own reason only.

use std::borrow::Cow;

use super::canonical::{self, Spelling};
use super::host::parse_host_and_port;
use super::refusal::{malformed, refuse};
use super::url::{Origin, Scheme, Target};
use crate::error::{Code, Error};

/// The parts of an absolute URL. The path is not judged yet.
pub(super) struct Parts<'a> {
    pub(super) origin: Cow<'a, Origin>,
    /// As it was written; may be empty.
    pub(super) path: &'a str,
    /// As it was written.
    pub(super) query: Option<&'a str>,
}

/// An absolute URL that has the right form. A scheme other than https and http is an error, but only after everything in the
/// request that is malformed.
pub(super) enum Absolute<'a> {
    Web(Parts<'a>),
    /// Of another scheme; with the name that errors have for the URL.
    Foreign(&'static str),
}

impl<'a> Absolute<'a> {
    /// `name` is what an error calls the URL: its key.
    pub(super) fn parse(name: &'static str, text: &'a str) -> Result<Self, Error> {
        let malformed = |why| Error::new(Code::Malformed, format!("{name} {why}"));
        let relative = || malformed("is not an absolute URL");
        let (scheme, rest) = split_scheme(text).ok_or_else(relative)?;
        let scheme = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => Scheme::Https,
            _ if scheme.eq_ignore_ascii_case("http") => Scheme::Http,
            _ => return Ok(Self::Foreign(name)),
        };
        let rest = rest.strip_prefix("//").ok_or_else(relative)?;
        if rest.contains('#') {
            return Err(malformed("holds a fragment"));
        }
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(malformed("holds a user name or a password"));
        }
        let (host, port) = parse_host_and_port(authority).map_err(|error| error.about(name))?;
        let origin = Origin { scheme, host, port: port.unwrap_or(scheme.default_port()) };
        Ok(Self::Web(Parts { origin: Cow::Owned(origin), path, query }))
    }

    pub(super) fn web(self) -> Result<Parts<'a>, Error> {
        match self {
            Self::Web(parts) => Ok(parts),
            Self::Foreign(name) => {
                Err(Error::new(Code::SchemeNotAllowed, format!("the scheme of {name} is neither https nor http")))
            }
        }
    }
}

/// A base URL, read and without a query.
#[derive(Clone, Debug)]
pub(super) enum Base {
    Web { origin: Origin, path: String },
    Foreign,
}

impl Base {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        match Absolute::parse("base_url", text)? {
            Absolute::Web(Parts { query: Some(_), .. }) => Err(malformed("base_url holds a query")),
            Absolute::Web(Parts { origin, path, query: None }) => {
                Ok(Self::Web { origin: origin.into_owned(), path: path.to_owned() })
            }
            Absolute::Foreign(_) => Ok(Self::Foreign),
        }
    }

    fn absolute(&self) -> Absolute<'_> {
        match self {
            Self::Web { origin, path } => Absolute::Web(Parts { origin: Cow::Borrowed(origin), path, query: None }),
            Self::Foreign => Absolute::Foreign("base_url"),
        }
    }

    /// Its path in canonical form; nothing of a foreign one.
    pub(super) fn canonical_path(&self, spelling: Spelling) -> Result<Option<String>, Error> {
        match self.absolute() {
            Absolute::Web(parts) => parts.canonical_path(spelling).map(Some),
            Absolute::Foreign(_) => Ok(None),
        }
    }
}

impl Parts<'_> {
    pub(super) fn canonical_path(&self, spelling: Spelling) -> Result<String, Error> {
        canonical::path(if self.path.is_empty() { "/" } else { self.path }, spelling)
    }

    pub(super) fn target(&self, spelling: Spelling) -> Result<Target, Error> {
        let query = self.query.map(|query| canonical::query(query, spelling)).transpose()?;
        Target::new(self.origin.clone().into_owned(), self.canonical_path(spelling)?, query)
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
pub(super) struct Wanted<'a> {
    base: Option<Absolute<'a>>,
    url: Option<Absolute<'a>>,
    path: &'a str,
    query: &'a [(String, String)],
}

impl<'a> Wanted<'a> {
    /// Refuses what is malformed, and nothing else.
    pub(super) fn parse(
        base: Option<&'a Base>,
        url: Option<&'a str>,
        path: &'a str,
        query: &'a [(String, String)],
        spelling: Spelling,
    ) -> Result<Self, Error> {
        let base = base.map(Base::absolute);
        let url = url.map(|url| Absolute::parse("url", url)).transpose()?;
        if let Some(Absolute::Web(Parts { query: Some(query), .. })) = url {
            canonical::query(query, spelling)?;
        }
        Ok(Self { base, url, path, query })
    }

    /// Refuses every scheme but https and http.
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

    /// Refuses a whole URL whose origin is not that of the base URL beside it.
    pub(super) fn check_origin(&self) -> Result<(), Error> {
        match self.base() {
            Some(base) if *base.origin != *self.origin() => {
                refuse(Code::HostNotAllowed, "the URL has another origin than base_url")
            }
            _ => Ok(()),
        }
    }

    /// The target in canonical form. It has yet to be held against the base path.
    pub(super) fn canonical(&self, spelling: Spelling) -> Result<Target, Error> {
        match self {
            Self::Whole { url, .. } => url.target(spelling),
            Self::Below { base, path, query } => {
                let path = canonical::path(&canonical::join(base.path, path), spelling)?;
                Target::new(base.origin.clone().into_owned(), path, canonical::query_of_pairs(query))
            }
        }
    }

    /// The target in canonical form, where it has the origin of the base URL and lies below it.
    pub(super) fn target(&self, spelling: Spelling) -> Result<Target, Error> {
        self.check_origin()?;
        let base_path = self.base().map(|base| base.canonical_path(spelling)).transpose()?;
        let target = self.canonical(spelling)?;
        check_below(&target, base_path.as_deref())?;
        Ok(target)
    }
}

impl Target {
    /// An absolute URL, which lies below the base URL where there is one.
    pub fn from_url(url: &str, base: Option<&str>, allow_encoded_slash: bool) -> Result<Self, Error> {
        let url = Absolute::parse("the URL", url)?.web()?;
        let base = base.map(|base| Absolute::parse("base_url", base)?.web()).transpose()?;
        Destination::Whole { url, base }.target(Spelling { encoded_slash: allow_encoded_slash, uri_encode: false })
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
