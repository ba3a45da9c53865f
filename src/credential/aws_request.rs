//! The canonical request of AWS Signature Version 4: one text of a request, whatever of it is signed.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, Uri};
use percent_encoding::percent_decode_str;

use super::encoding::hex;
use super::unsigned::Unsigned;
use crate::error::{Code, Error};
use crate::policy::{plus_in_query, uri_encode};
use crate::sign::Hash;

/// The header fields that are signed: their lines, and their names.
pub(super) struct SignedHeaders {
    lines: String,
    pub names: String,
}

impl SignedHeaders {
    /// Those of a request that has these header fields.
    pub fn of(uri: &Uri, headers: &HeaderMap) -> Result<Self, Error> {
        let mut fields = vec![("host", host(uri))];
        for name in headers.keys().filter(|name| is_signed(name)) {
            let values = headers.get_all(name).iter().map(|value| single_spaced(value.as_bytes()));
            let values: Vec<String> = values.collect::<Result<_, _>>()?;
            fields.push((name.as_str(), values.join(",")));
        }
        fields.sort();
        Ok(Self {
            lines: fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect(),
            names: fields.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";"),
        })
    }
}

/// A request in the form that is hashed, with this query and this hash of its body. S3 takes the path as it is sent, other
/// services encode it once more.
pub(super) fn canonical(
    request: &Unsigned<'_>,
    headers: &SignedHeaders,
    query: &str,
    payload: &str,
    is_s3: bool,
) -> Result<String, Error> {
    let (method, path, query) = (request.method, path(request.uri.path(), is_s3), sorted(query)?);
    let SignedHeaders { lines, names } = headers;
    Ok(format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}"))
}

/// A query with these parameters behind its own.
pub(super) fn append(query: &str, parameters: &[(&str, &str)]) -> String {
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", uri_encode(value.as_bytes())));
    let own = (!query.is_empty()).then(|| query.to_owned());
    own.into_iter().chain(pairs).collect::<Vec<_>>().join("&")
}

/// The SHA-256 of these bytes, as the texts have it.
pub(super) fn hash(bytes: &[u8]) -> String {
    hex(&Hash::Sha256.digest(bytes))
}

fn is_signed(name: &HeaderName) -> bool {
    ["content-type", "content-md5"].contains(&name.as_str()) || name.as_str().starts_with("x-amz-")
}

fn host(uri: &Uri) -> String {
    uri.authority().map(ToString::to_string).unwrap_or_default()
}

/// Outer blanks do not count, and inner ones count as one.
fn single_spaced(value: &[u8]) -> Result<String, Error> {
    let no_text = |_| Error::new(Code::Malformed, "a header that is signed is not UTF-8, which AWS takes it for");
    let value = std::str::from_utf8(value).map_err(no_text)?;
    Ok(value.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
}

fn path(sent: &str, is_s3: bool) -> Cow<'_, str> {
    match is_s3 {
        true => sent.into(),
        false => sent.split('/').map(|segment| uri_encode(segment.as_bytes())).collect::<Vec<_>>().join("/").into(),
    }
}

/// In the order of names and values, all of them percent-encoded in one way.
fn sorted(sent: &str) -> Result<String, Error> {
    if sent.contains('+') {
        return Err(plus_in_query());
    }
    let encoded = |text: &str| uri_encode(&percent_decode_str(text).collect::<Vec<u8>>());
    let pairs = sent.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(name), encoded(value))
        })
        .collect();
    pairs.sort();
    Ok(pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}
