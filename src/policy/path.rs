//! Path patterns: literal segments, `{name}` for one segment and `**` for the rest.
//!
//! A router crate does not fit: it wants at least one character for the rest, allows a placeholder inside a segment and picks
//! one of several patterns by its own priorities. Here the first pattern of the list that matches counts.

use super::canonical::{self, Spelling};
use super::refusal::malformed;
use crate::error::Error;

/// An entry of `allowed_paths`, or of a binding's paths, compared with a whole canonical path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    prefix: String,
    segments: Vec<Segment>,
    /// Whether a placeholder or the rest may match a segment with an encoded slash in it.
    spans_encoded_slash: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// These bytes.
    Literal(String),
    /// One segment that is not empty.
    Any,
    /// Everything after the slash, nothing included. Only at the end.
    Rest,
}

impl PathPattern {
    /// Reads a pattern. Its literals are brought into the form that paths have, so `/Bücher/{id}` may be written as it is.
    ///
    /// A `*` is refused in any other place than a final `**`: it would be a literal where a wildcard was meant.
    pub fn parse(text: &str, spelling: Spelling) -> Result<Self, Error> {
        let Some(relative) = text.strip_prefix('/') else {
            return Err(malformed("a path pattern does not start with a slash"));
        };
        let mut segments =
            relative.split('/').map(|segment| Segment::parse(segment, spelling)).collect::<Result<Vec<_>, _>>()?;
        let last = segments.pop();
        if segments.contains(&Segment::Rest) || segments.contains(&Segment::Literal(String::new())) {
            return Err(malformed("a path pattern has an empty segment, or ** before its end"));
        }
        segments.extend(last);
        Ok(Self { text: text.to_owned(), prefix: prefix(&segments), segments, spans_encoded_slash: true })
    }

    /// Reads a pattern of a binding. Whoever sealed it did not see the policy's `allow_encoded_slash`. Many servers read two
    /// segments where a segment has an encoded slash, so neither `{name}` nor `**` matches one.
    pub fn parse_sealed(text: &str, spelling: Spelling) -> Result<Self, Error> {
        Ok(Self { spans_encoded_slash: false, ..Self::parse(text, spelling)? })
    }

    /// What every path that matches begins with: all of the pattern, or the literals before its first placeholder, with their slashes.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this canonical path fulfils the pattern.
    pub fn matches(&self, path: &str) -> bool {
        let Some(relative) = path.strip_prefix('/') else { return false };
        let mut found = relative.split('/');
        for wanted in &self.segments {
            match (wanted, found.next()) {
                (Segment::Literal(literal), Some(segment)) if literal == segment => {}
                (Segment::Any, Some(segment)) if !segment.is_empty() && self.spans(segment) => {}
                (Segment::Rest, Some(segment)) => {
                    return self.spans(segment) && found.all(|segment| self.spans(segment));
                }
                _ => return false,
            }
        }
        found.next().is_none()
    }

    fn spans(&self, segment: &str) -> bool {
        self.spans_encoded_slash || !["%2f", "%2F"].iter().any(|slash| segment.contains(slash))
    }
}

/// The literals before the first placeholder, with the slashes around them.
fn prefix(segments: &[Segment]) -> String {
    let literals = segments.iter().map_while(|segment| match segment {
        Segment::Literal(literal) => Some(literal.as_str()),
        Segment::Any | Segment::Rest => None,
    });
    let literals: Vec<&str> = literals.collect();
    let begun = format!("/{}", literals.join("/"));
    if literals.is_empty() || literals.len() == segments.len() { begun } else { begun + "/" }
}

impl Segment {
    fn parse(text: &str, spelling: Spelling) -> Result<Self, Error> {
        if text == "**" {
            return Ok(Self::Rest);
        }
        if let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let sound =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            return if sound {
                Ok(Self::Any)
            } else {
                Err(malformed("a path pattern has a placeholder that is not {name}"))
            };
        }
        if text.contains(['{', '}', '*']) {
            return Err(malformed("a path pattern has a placeholder or wildcard that is no whole segment"));
        }
        // A pattern may hold an encoded slash. Where a path may not, the pattern never matches.
        let path = canonical::path(&format!("/{text}"), Spelling { encoded_slash: true, ..spelling })
            .map_err(|_| malformed("a path pattern is not canonical"))?;
        Ok(Self::Literal(path.strip_prefix('/').unwrap_or_default().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    #[test]
    fn patterns_match_whole_paths() {
        for (pattern, path, expected) in section::<Vec<(String, String, bool)>>("patterns") {
            let matches = PathPattern::parse(&pattern, Spelling::default()).map(|pattern| pattern.matches(&path));
            assert_eq!(matches, Ok(expected), "{pattern} on {path}");
        }
    }

    #[test]
    fn a_prefix_is_what_every_match_begins_with() {
        let prefixes = [
            ("/", "/"),
            ("/**", "/"),
            ("/{id}", "/"),
            ("/v1", "/v1"),
            ("/v1/", "/v1/"),
            ("/v1/**", "/v1/"),
            ("/v1/{id}/notes", "/v1/"),
            ("/v1/users/{id}", "/v1/users/"),
            ("/Bücher/{id}", "/B%C3%BCcher/"),
        ];
        for (pattern, expected) in prefixes {
            assert_eq!(
                PathPattern::parse(pattern, Spelling::default()).map(|pattern| pattern.prefix),
                Ok(expected.to_owned()),
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_sealed_pattern_spans_no_encoded_slash() {
        for (pattern, path, expected) in section::<Vec<(String, String, bool)>>("sealed_patterns") {
            let matches =
                PathPattern::parse_sealed(&pattern, Spelling::default()).map(|pattern| pattern.matches(&path));
            assert_eq!(matches, Ok(expected), "{pattern} on {path}");
        }
    }

    #[test]
    fn those_of_s3_are_uri_encoded() {
        let spelling = Spelling::of(false, true);
        for (pattern, path, expected) in section::<Vec<(String, String, bool)>>("s3_patterns") {
            let matches = PathPattern::parse(&pattern, spelling).map(|pattern| pattern.matches(&path));
            assert_eq!(matches, Ok(expected), "{pattern} {path}");
        }
    }

    #[test]
    fn bad_patterns_are_malformed() {
        for pattern in section::<Vec<String>>("bad_patterns") {
            assert!(PathPattern::parse(&pattern, Spelling::default()).is_err(), "{pattern:?}");
        }
    }
}
