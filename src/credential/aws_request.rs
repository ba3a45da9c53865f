//! The canonical request of AWS Signature Version 4: one text of a request, whatever of it is signed.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::encoding::hex;
use super::unsigned::Unsigned;
use crate::error::{Code, Error};
use crate::sign::Hash;

/// AWS's UriEncode: everything but RFC 3986's unreserved characters.
const URI_ENCODE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A request in the form that is hashed, and the names of its signed fields.
pub(super) struct CanonicalRequest {
    pub text: String,
    pub signed_headers: String,
}

/// The canonical form of a request with these fields and this hash of its body. S3 takes the path as it is sent, other services
/// encode it once more.
pub(super) fn canonical(
    request: &Unsigned<'_>,
    headers: &HeaderMap,
    payload: &str,
    is_s3: bool,
) -> Result<CanonicalRequest, Error> {
    let path = path(request.uri.path(), is_s3)?;
    let query = query(request.uri.query().unwrap_or_default())?;
    let mut fields = vec![("host", host(request.uri))];
    for name in headers.keys().filter(|name| is_signed(name)) {
        let values = headers.get_all(name).iter().map(|value| single_spaced(value.as_bytes()));
        let values: Vec<String> = values.collect::<Result<_, _>>()?;
        fields.push((name.as_str(), values.join(",")));
    }
    fields.sort();
    let signed_headers = fields.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let fields: String = fields.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let method = request.method;
    Ok(CanonicalRequest {
        text: format!("{method}\n{path}\n{query}\n{fields}\n{signed_headers}\n{payload}"),
        signed_headers,
    })
}

/// The SHA-256 of these bytes, as the texts have it.
pub(super) fn hash(bytes: &[u8]) -> String {
    hex(&Hash::Sha256.digest(bytes))
}

/// Whether a parameter of the query is one of a presigned URL.
pub(super) fn has_parameter_of_signature(query: &str) -> bool {
    let names = query.split('&').filter_map(|pair| pair.split('=').next());
    names
        .map(|name| percent_decode_str(name).collect::<Vec<u8>>())
        .any(|name| name.get(.."x-amz-".len()).is_some_and(|start| start.eq_ignore_ascii_case(b"x-amz-")))
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

fn path(sent: &str, is_s3: bool) -> Result<Cow<'_, str>, Error> {
    let encoded = |text: &[u8]| percent_encode(text, URI_ENCODE).to_string();
    if !is_s3 {
        return Ok(sent.split('/').map(|segment| encoded(segment.as_bytes())).collect::<Vec<_>>().join("/").into());
    }
    let is_encoded = sent.split('/').all(|segment| {
        let decoded: Vec<u8> = percent_decode_str(segment).collect();
        encoded(&decoded) == segment
    });
    if is_encoded {
        return Ok(sent.into());
    }
    let why = "S3 signs a path whose characters are all percent-encoded but A-Z a-z 0-9 - . _ ~ and the slash, in upper-case hex: \
        give it so, as rawurlencode() does for each segment";
    Err(Error::new(Code::Malformed, why))
}

fn query(sent: &str) -> Result<String, Error> {
    if sent.contains('+') {
        let why = "the query has a plus, which is a space to some and a plus to others: write %20 or %2B";
        return Err(Error::new(Code::Malformed, why));
    }
    let encoded = |text: &str| percent_encode(&percent_decode_str(text).collect::<Vec<u8>>(), URI_ENCODE).to_string();
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
