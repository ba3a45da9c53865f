//! Redirects: where a `Location` leads, and whether the policy allows it.

use http::Method;

use super::canonical::Spelling;
use super::destination::{Absolute, Parts, split_scheme};
use super::internal::InternalHosts;
use super::refusal::refuse;
use super::service::{Admitted, Policy};
use super::url::{Scheme, Target};
use crate::error::{Code, Error};

/// A redirect that a response asks for.
#[derive(Clone, Copy)]
pub struct Redirect<'a> {
    /// Where the response came from.
    pub from: &'a Target,
    /// The response's `Location`.
    pub location: &'a str,
    /// The method of the next request.
    pub method: &'a Method,
    /// Whether the request carries a credential. Such a request stays on its origin.
    pub has_credential: bool,
}

impl Policy {
    /// Judges a hop as if it were a request of its own. Every refusal is `policy.redirect_not_allowed`.
    pub fn redirect(&self, hop: &Redirect<'_>, internal_hosts: &InternalHosts) -> Result<Admitted, Error> {
        self.judge_hop(hop, internal_hosts).map_err(|error| {
            Error::new(Code::RedirectNotAllowed, format!("the redirect is refused: {}", error.message))
        })
    }

    fn judge_hop(&self, hop: &Redirect<'_>, internal_hosts: &InternalHosts) -> Result<Admitted, Error> {
        let target = hop.from.redirect(hop.location, self.spelling)?;
        let (old, new) = (hop.from.origin(), target.origin());
        if old.scheme == Scheme::Https && new.scheme == Scheme::Http {
            return refuse(Code::SchemeNotAllowed, "it leads from https to http");
        }
        if hop.has_credential && old != new {
            return refuse(Code::HostNotAllowed, "a request with a credential may not go to another origin");
        }
        self.check_scheme(new, internal_hosts)?;
        self.check_host(new, internal_hosts)?;
        self.check_method(hop.method)?;
        self.admit(target)
    }
}

impl Target {
    /// The target that a `Location` names as seen from this one (RFC 3986 section 5.2), under the rules for every URL.
    ///
    /// Plain dot segments belong to relative references, so they are resolved here; encoded ones are refused. The fragment
    /// is for browsers and is dropped.
    pub fn redirect(&self, location: &str, spelling: Spelling) -> Result<Self, Error> {
        let location = location.split_once('#').map_or(location, |(url, _fragment)| url);
        let text = match split_scheme(location) {
            Some(_) => location.to_owned(),
            None if location.starts_with("//") => format!("{}:{location}", self.origin().scheme.as_str()),
            None => self.follow(location),
        };
        let parts = Absolute::parse("its location", &text)?.web()?;
        let path = remove_dot_segments(parts.path);
        Parts { path: &path, ..parts }.target(spelling)
    }

    /// A reference without scheme and authority, made absolute.
    fn follow(&self, location: &str) -> String {
        let origin = self.origin();
        let (path, query) = match location.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (location, None),
        };
        let query = if location.is_empty() { self.query() } else { query };
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        match path {
            "" => format!("{origin}{}{query}", self.path()),
            _ if path.starts_with('/') => format!("{origin}{path}{query}"),
            _ => {
                let directory = self.path().rsplit_once('/').map_or("", |(directory, _)| directory);
                format!("{origin}{directory}/{path}{query}")
            }
        }
    }
}

/// RFC 3986 section 5.2.4.
fn remove_dot_segments(path: &str) -> String {
    let mut resolved = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => {
                if segment == ".." {
                    resolved.pop();
                }
                // A path that ends in a dot segment names a directory.
                if segments.peek().is_none() {
                    resolved.push("");
                }
            }
            _ => resolved.push(segment),
        }
    }
    format!("/{}", resolved.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    #[test]
    fn references_resolve_as_in_rfc_3986_section_5_4_or_are_refused() {
        for (from, location, expected) in section::<Vec<(String, String, Option<String>)>>("references") {
            let from = Target::from_url(&from, None, false).expect("canonical");
            let target = from.redirect(&location, Spelling::default()).ok();
            assert_eq!(target.map(|target| target.text(target.query())), expected, "{location:?}");
        }
    }
}
