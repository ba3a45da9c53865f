//! Methods and header fields: their form, and which of them are the caller's to set.

use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::refusal::{malformed, refuse};
use crate::error::{Code, Error};

/// The header that carries a request's `idempotency_key`: the service's own, or the usual one.
pub(super) fn idempotency(name: Option<&str>) -> Result<HeaderName, Error> {
    let Some(name) = name else { return Ok(HeaderName::from_static("idempotency-key")) };
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) if !is_connections(&name) => Ok(name),
        _ => Err(malformed("idempotency_header is not a header name, or belongs to the connection")),
    }
}

/// Refuses the headers that hold credentials: a key there would be taken for one, and a redirect drops them.
pub(super) fn check_idempotency(name: &HeaderName) -> Result<(), Error> {
    match [AUTHORIZATION, COOKIE].contains(name) {
        true => Err(malformed("idempotency_header may be neither authorization nor cookie")),
        false => Ok(()),
    }
}

/// Reads a method: a token (RFC 9110 section 5.6.2) without lower-case letters.
pub fn parse_method(text: &str) -> Result<Method, Error> {
    match Method::from_bytes(text.as_bytes()) {
        Ok(method) if !text.bytes().any(|byte| byte.is_ascii_lowercase()) => Ok(method),
        _ => Err(malformed("a method is not an upper-case token")),
    }
}

/// Reads header fields. Fields of one name keep their order.
pub(super) fn parse_headers(fields: &[(String, String)]) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        // A text that is not a name may be anything, so it is not repeated.
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed("a header name is not a token"))?;
        let value = parse_value(&name, value)?;
        headers.try_append(name, value).map_err(|_| malformed("there are too many headers"))?;
    }
    Ok(headers)
}

/// Reads a value as ISO-8859-1. The white space around it is not part of it (RFC 9110 section 5.5).
fn parse_value(name: &HeaderName, text: &str) -> Result<HeaderValue, Error> {
    let bytes = text.trim_matches([' ', '\t']).chars().map(u8::try_from).collect::<Result<Vec<_>, _>>();
    bytes.ok().and_then(|bytes| HeaderValue::from_bytes(&bytes).ok()).ok_or_else(|| {
        let why = format!("the value of the header \"{name}\" holds a control character or one above U+00FF");
        Error::new(Code::Malformed, why)
    })
}

/// Refuses the methods that ask for a tunnel or for an echo of the request, credential included.
pub(super) fn check_method(method: &Method) -> Result<(), Error> {
    match *method {
        Method::CONNECT | Method::TRACE => refuse(Code::MethodNotAllowed, "CONNECT and TRACE are not allowed"),
        _ => Ok(()),
    }
}

/// Refuses headers that belong to the connection, or that the library itself sets for this request.
pub(super) fn check_headers(headers: &HeaderMap, taken: &[HeaderName]) -> Result<(), Error> {
    if let Some(name) = headers.keys().find(|name| is_connections(name)) {
        Err(Error::new(Code::HeaderNotAllowed, format!("the header \"{name}\" is not the caller's to set")))
    } else if let Some(name) = headers.keys().find(|name| taken.contains(name)) {
        let why = format!("the request sets the header \"{name}\", which a credential or the idempotency key fills");
        Err(Error::new(Code::HeaderNotAllowed, why))
    } else {
        Ok(())
    }
}

/// An idempotency key in the header that a credential fills.
pub fn filled_with_key(name: &HeaderName) -> Error {
    let why = format!("the idempotency key goes into the header \"{name}\", which a credential fills");
    Error::new(Code::PlacementConflict, why)
}

/// Whether a field belongs to the connection or is the library's own, so that neither the caller nor a credential may fill it.
pub fn is_connections(name: &HeaderName) -> bool {
    CONNECTION.contains(&name.as_str()) || name.as_str().starts_with("proxy-")
}

const CONNECTION: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "accept-encoding",
    "http2-settings",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::vectors::section;

    fn parse(name: &str, value: &str) -> Result<HeaderMap, Error> {
        parse_headers(&[(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn values_are_one_byte_for_each_character() {
        for (text, expected) in section::<Vec<(String, Option<Vec<u8>>)>>("header_values") {
            let headers = parse("X-A", &text).ok();
            let value = headers.as_ref().and_then(|headers| headers.get("x-a")).map(HeaderValue::as_bytes);
            assert_eq!(value, expected.as_deref(), "{text:?}");
        }
    }

    #[test]
    fn names_are_tokens() {
        for (name, expected) in section::<Vec<(String, Option<String>)>>("header_names") {
            let headers = parse(&name, "x").ok();
            let found = headers.as_ref().and_then(|headers| headers.keys().next()).map(HeaderName::as_str);
            assert_eq!(found, expected.as_deref(), "{name:?}");
        }
    }

    #[test]
    fn duplicates_keep_their_order() {
        let field = |value: &str| ("Accept".to_owned(), value.to_owned());
        let headers = parse_headers(&[field("a"), field("b"), field("a")]).expect("sound");
        assert!(headers.get_all("accept").iter().eq(["a", "b", "a"]));
    }

    #[test]
    fn more_fields_than_a_map_holds_are_an_error() {
        let fields: Vec<_> = (0..24_577).map(|number| (format!("x-{number}"), String::new())).collect();
        assert!(parse_headers(&fields).is_err());
        assert!(fields.split_last().is_some_and(|(_, fields)| parse_headers(fields).is_ok()));
    }

    #[test]
    fn methods_are_upper_case_tokens() {
        for (text, is_sound) in section::<Vec<(String, bool)>>("methods") {
            assert_eq!(parse_method(&text).is_ok(), is_sound, "{text:?}");
        }
    }
}
