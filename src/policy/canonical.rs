//! The one spelling of paths and queries. What could be read in two ways is refused, never repaired.

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};

use super::refusal::malformed;
use crate::error::{Code, Error};

/// How paths and queries are spelt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spelling {
    /// Whether a segment of a path may have an encoded slash.
    pub encoded_slash: bool,
    /// Whether everything but unreserved characters is percent-encoded, in upper-case hex: AWS's UriEncode, in which S3 signs.
    pub uri_encode: bool,
}

impl Spelling {
    /// The spelling of a service. S3 reads an encoded slash as a slash.
    pub(super) fn of(allow_encoded_slash: bool, is_s3: bool) -> Self {
        Self { encoded_slash: allow_encoded_slash && !is_s3, uri_encode: is_s3 }
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
pub fn uri_encode(bytes: &[u8]) -> String {
    percent_encode(bytes, NOT_UNRESERVED).to_string()
}

/// A plus in a query that is to be signed.
pub fn plus_in_query() -> Error {
    malformed("the query has a plus, which is a space to some and a plus to others: write %20 or %2B")
}

/// What is percent-encoded in one way or the other, percent-encoded in one.
fn respelt(text: &str) -> String {
    uri_encode(&percent_decode_str(text).collect::<Vec<u8>>())
}

/// The query of names and values, or `None` where there are none.
pub(super) fn query_of_pairs(pairs: &[(String, String)]) -> Option<String> {
    let encode = |text: &str| uri_encode(text.as_bytes());
    let fields = pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    (!pairs.is_empty()).then(|| fields.collect::<Vec<_>>().join("&"))
}

/// A query that came in a URL stays byte for byte, broken escapes included, which the server has to judge. Only what a URL's
/// query cannot hold is percent-encoded, as browsers and PHP's clients do it. No part of a query decides where a request may
/// go. That of S3 is spelt anew: its names, values and order stay, and what reads in two ways is refused.
pub(super) fn query(raw: &str, spelling: Spelling) -> Result<String, Error> {
    if raw.bytes().any(|byte| byte.is_ascii_control() || byte == b'#') {
        return Err(malformed("a query holds a control character or a number sign"));
    }
    if !spelling.uri_encode {
        return Ok(utf8_percent_encode(raw, NOT_QUERY).to_string());
    }
    if raw.contains('+') {
        return Err(plus_in_query());
    }
    if has_broken_escape(raw) {
        return Err(malformed("a query of S3 holds a broken escape"));
    }
    let pairs = raw.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) => format!("{}={}", respelt(name), respelt(value)),
        None => respelt(pair),
    });
    Ok(pairs.collect::<Vec<_>>().join("&"))
}

/// Whether a parameter of the query is one of those of a signed URL of AWS.
pub(super) fn has_amz_parameter(query: &str) -> bool {
    const START: &[u8] = b"x-amz-";
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    names
        .map(|name| percent_decode_str(name).collect::<Vec<u8>>())
        .any(|name| name.get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START)))
}

/// The canonical spelling of a whole path: what RFC 3986 does not allow in a segment is percent-encoded, escapes stay as they
/// are. That of S3 is spelt anew.
pub(super) fn path(raw: &str, spelling: Spelling) -> Result<String, Error> {
    check_bytes(raw, spelling.encoded_slash)?;
    let segments = raw.strip_prefix('/').ok_or_else(|| refused("it does not start with a slash"))?;
    // Only the last segment may be empty: that is a trailing slash.
    if segments.contains("//") || segments.starts_with('/') {
        return Err(refused("it holds an empty segment"));
    }
    if segments.split('/').any(is_dot_segment) {
        return Err(refused("it holds a dot segment"));
    }
    Ok(match spelling.uri_encode {
        true => raw.split('/').map(respelt).collect::<Vec<_>>().join("/"),
        false => utf8_percent_encode(raw, NOT_PATH).to_string(),
    })
}

/// A path below a base path. There is one slash between them, whichever of the two has it.
pub(super) fn join(base: &str, path: &str) -> String {
    match path {
        "" if base.is_empty() => "/".to_owned(),
        "" => base.to_owned(),
        _ => format!("{}/{}", base.strip_suffix('/').unwrap_or(base), path.strip_prefix('/').unwrap_or(path)),
    }
}

/// Whether a path is the base path or below it, by whole segments.
pub(super) fn is_below(path: &str, base: &str) -> bool {
    path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || base.ends_with('/') || rest.starts_with('/'))
}

fn check_bytes(raw: &str, allow_encoded_slash: bool) -> Result<(), Error> {
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        let escaped = byte == b'%';
        let value = if escaped { unescape(bytes.next(), bytes.next())? } else { byte };
        match value {
            0..=0x1f | 0x7f => return Err(refused("it holds a control character")),
            b'\\' => return Err(refused("it holds a backslash")),
            b'?' | b'#' if !escaped => return Err(refused("it holds a question mark or a number sign")),
            b'/' if escaped && !allow_encoded_slash => return Err(refused("it holds an encoded slash")),
            _ => {}
        }
    }
    Ok(())
}

fn unescape(high: Option<u8>, low: Option<u8>) -> Result<u8, Error> {
    let digit = |byte: Option<u8>| {
        byte.and_then(|byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok())
    };
    match (digit(high), digit(low)) {
        (Some(high), Some(low)) => Ok(high << 4 | low),
        _ => Err(refused("it holds a broken escape")),
    }
}

fn has_broken_escape(text: &str) -> bool {
    let mut escapes = text.split('%').skip(1).map(str::bytes);
    escapes.any(|mut digits| unescape(digits.next(), digits.next()).is_err())
}

/// A server may decode escapes, an encoded slash too, or cut off a `;` parameter before it looks for dots.
fn is_dot_segment(segment: &str) -> bool {
    let decoded: Vec<u8> = percent_decode_str(segment).collect();
    decoded.split(|byte| *byte == b'/').any(|part| {
        let name = part.split(|byte| *byte == b';').next();
        name == Some(b".") || name == Some(b"..")
    })
}

fn refused(why: &'static str) -> Error {
    Error::new(Code::PathNotCanonical, format!("the path is not canonical: {why}"))
}

const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a query holds only percent-encoded, beside everything beyond ASCII.
const NOT_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>');

/// Everything but RFC 3986's pchar, the slash between segments, and the percent sign of an escape that was checked.
const NOT_PATH: &AsciiSet = &NOT_UNRESERVED
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/')
    .remove(b'%');

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    #[test]
    fn paths_have_one_spelling() {
        for (raw, encoded_slash, expected) in section::<Vec<(String, bool, Option<String>)>>("paths") {
            let spelling = Spelling { encoded_slash, uri_encode: false };
            let found = path(&raw, spelling).map_err(|error| error.code);
            assert_eq!(found, expected.ok_or(Code::PathNotCanonical), "{raw:?}");
        }
    }

    #[test]
    fn queries_have_one_spelling() {
        for (raw, expected) in section::<Vec<(String, Option<String>)>>("queries") {
            let found = query(&raw, Spelling::default()).map_err(|error| error.code);
            assert_eq!(found, expected.ok_or(Code::Malformed), "{raw:?}");
        }
    }

    #[test]
    fn those_of_s3_are_uri_encoded() {
        let spelling = Spelling::of(true, true);
        for (raw, expected) in section::<Vec<(String, Option<String>)>>("s3_paths") {
            let found = path(&raw, spelling).map_err(|error| error.code);
            assert_eq!(found, expected.ok_or(Code::PathNotCanonical), "{raw:?}");
        }
        for (raw, expected) in section::<Vec<(String, Option<String>)>>("s3_queries") {
            let found = query(&raw, spelling).map_err(|error| error.code);
            assert_eq!(found, expected.ok_or(Code::Malformed), "{raw:?}");
        }
    }

    #[test]
    fn pairs_are_encoded_by_rfc_3986() {
        for (pairs, expected) in section::<Vec<(Vec<(String, String)>, Option<String>)>>("pairs") {
            assert_eq!(query_of_pairs(&pairs), expected, "{pairs:?}");
        }
    }

    #[test]
    fn the_base_ends_at_a_segment() {
        for (path, base, below) in section::<Vec<(String, String, bool)>>("below") {
            assert_eq!(is_below(&path, &base), below, "{path} below {base}");
        }
    }
}
