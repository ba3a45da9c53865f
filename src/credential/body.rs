//! Fields in a request's body.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use zeroize::Zeroizing;

use super::urlencoded;
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::secret::json::{Invalid, for_each_member};

/// A body that a field can be put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyKind {
    Json,
    Form,
}

impl BodyKind {
    /// The kind that the content type names, if there is exactly one and nothing is coded on top of it.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        if headers.contains_key(CONTENT_ENCODING) {
            return None;
        }
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let (Some(only), None) = (types.next(), types.next()) else { return None };
        let media_type = only.to_str().ok()?.split(';').next()?.trim_matches([' ', '\t']).to_ascii_lowercase();
        match media_type.as_str() {
            "application/json" => Some(Self::Json),
            "application/x-www-form-urlencoded" => Some(Self::Form),
            other => other.split_once('/').is_some_and(|(_, subtype)| subtype.ends_with("+json")).then_some(Self::Json),
        }
    }

    /// Whether a field can be put into this body.
    pub(super) fn accepts(self, body: &[u8]) -> bool {
        match self {
            Self::Json => is_blank(body) || object(body, "").is_ok(),
            Self::Form => true,
        }
    }

    /// Whether the body has a field of this name.
    pub(super) fn has_field(self, body: &[u8], name: &str) -> bool {
        match self {
            Self::Json => object(body, name).is_ok_and(|found| found.has_name),
            Self::Form => urlencoded::has_name(body, name),
        }
    }

    /// The body with these fields behind its own, every other byte as it was.
    pub(super) fn with_fields(self, body: &[u8], fields: &[(String, Secret)]) -> Result<Bytes, Error> {
        let body = match self {
            Self::Json => splice(body, fields)?,
            Self::Form => urlencoded::append(body, fields),
        };
        Ok(Bytes::from_owner(body))
    }
}

/// What matters of a JSON object.
struct Object {
    is_empty: bool,
    has_name: bool,
}

fn object(body: &[u8], name: &str) -> Result<Object, Invalid> {
    let document = std::str::from_utf8(body).map_err(|_| Invalid)?;
    let mut found = Object { is_empty: true, has_name: false };
    for_each_member(document, &[name], |index, _| {
        found = Object { is_empty: false, has_name: found.has_name || index.is_some() };
        Ok(())
    })?;
    Ok(found)
}

fn is_blank(body: &[u8]) -> bool {
    body.iter().all(|byte| b" \t\r\n".contains(byte))
}

fn splice(body: &[u8], fields: &[(String, Secret)]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let malformed = || Error::new(Code::Malformed, "the body is not a JSON object");
    // Behind the members: in front of the last brace, which is the object's own.
    let (head, tail, mut needs_comma) = if is_blank(body) {
        (&b"{"[..], &b"}"[..], false)
    } else {
        let object = object(body, "").map_err(|Invalid| malformed())?;
        let brace = body.iter().rposition(|byte| *byte == b'}').ok_or_else(malformed)?;
        let (head, tail) = body.split_at_checked(brace).ok_or_else(malformed)?;
        (head, tail, !object.is_empty)
    };
    // An escape takes six bytes at most, so this never grows.
    let longest = |(name, secret): &(String, Secret)| 6 * (name.len() + secret.expose().len()) + r#","":"""#.len();
    let capacity = head.len() + fields.iter().map(longest).sum::<usize>() + tail.len();
    let mut spliced = Zeroizing::new(Vec::with_capacity(capacity));
    spliced.extend_from_slice(head);
    for (name, secret) in fields {
        let secret = std::str::from_utf8(secret.expose()).map_err(|_| {
            let why = "the secret for the body's field is not UTF-8, which JSON is";
            Error::new(Code::CredentialUnusable, why)
        })?;
        if needs_comma {
            spliced.push(b',');
        }
        needs_comma = true;
        write_text(&mut spliced, name)?;
        spliced.push(b':');
        write_text(&mut spliced, secret)?;
    }
    spliced.extend_from_slice(tail);
    Ok(spliced)
}

fn write_text(buffer: &mut Vec<u8>, text: &str) -> Result<(), Error> {
    serde_json::to_writer(buffer, text)
        .map_err(|_| Error::new(Code::CredentialUnusable, "the field of a placement cannot be written as JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(values: &[(&str, &str)]) -> Vec<(String, Secret)> {
        values.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(value.as_bytes().to_vec()))).collect()
    }

    fn kind(content_type: &str) -> Option<BodyKind> {
        BodyKind::of(&HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().expect("a value"))]))
    }

    #[test]
    fn kinds() {
        assert_eq!(kind("application/json"), Some(BodyKind::Json));
        assert_eq!(kind("Application/JSON ; charset=utf-8"), Some(BodyKind::Json));
        assert_eq!(kind("application/vnd.api+json"), Some(BodyKind::Json));
        assert_eq!(kind("application/x-www-form-urlencoded;charset=UTF-8"), Some(BodyKind::Form));
        for other in ["multipart/form-data; boundary=application/json", "text/plain", "application/jsonl", "+json", ""]
        {
            assert_eq!(kind(other), None, "{other}");
        }
        assert_eq!(BodyKind::of(&HeaderMap::new()), None);
        let mut twice = HeaderMap::new();
        for value in ["application/json", "application/x-www-form-urlencoded"] {
            twice.append(CONTENT_TYPE, value.parse().expect("a value"));
        }
        assert_eq!(BodyKind::of(&twice), None);
        let coded = [(CONTENT_TYPE, "application/json"), (CONTENT_ENCODING, "gzip")];
        let coded = coded.map(|(name, value)| (name, value.parse().expect("a value")));
        assert_eq!(BodyKind::of(&HeaderMap::from_iter(coded)), None);
    }

    #[test]
    fn splices_and_keeps_every_other_byte() {
        for (body, expected) in [
            ("", r#"{"k":"v"}"#),
            (" \n", r#"{"k":"v"}"#),
            ("{}", r#"{"k":"v"}"#),
            ("{ }\n", "{ \"k\":\"v\"}\n"),
            (r#"{"a": 1.0, "b": {}}"#, r#"{"a": 1.0, "b": {},"k":"v"}"#),
            ("{\"a\":\"}\"\r\n}\t", "{\"a\":\"}\"\r\n,\"k\":\"v\"}\t"),
            (
                r#"{"a":1,"a":2,"c":123456789012345678901234567890}"#,
                r#"{"a":1,"a":2,"c":123456789012345678901234567890,"k":"v"}"#,
            ),
        ] {
            assert!(BodyKind::Json.accepts(body.as_bytes()));
            let spliced = BodyKind::Json.with_fields(body.as_bytes(), &fields(&[("k", "v")])).expect("splices");
            assert_eq!(spliced, expected, "{body}");
        }
    }

    #[test]
    fn escapes() {
        let value = "a\"b\\c/\n\u{1}\u{e4}\u{1f600}";
        let spliced = BodyKind::Json.with_fields(b"{}", &fields(&[("k\"", value), ("l", "")])).expect("splices");
        let read: serde_json::Value = serde_json::from_slice(&spliced).expect("JSON");
        assert_eq!(read, serde_json::json!({"k\"": value, "l": ""}));
        let binary = [("k".to_owned(), Secret::new(vec![0xff]))];
        assert_eq!(BodyKind::Json.with_fields(b"{}", &binary).expect_err("unusable").code, Code::CredentialUnusable);
    }

    #[test]
    fn refuses_what_is_no_object() {
        for body in ["[1,2,3]", "\"x\"", "{\"a\":}", "{}{}", "{\"a\":1,}", "\u{feff}{}", "null"] {
            assert!(!BodyKind::Json.accepts(body.as_bytes()), "{body}");
        }
        assert!(!BodyKind::Json.accepts(b"{\"a\":\"\xff\"}"));
    }

    #[test]
    fn finds_fields() {
        assert!(BodyKind::Json.has_field(br#"{"a":1,"\u006b":2,"b":3}"#, "k"));
        assert!(!BodyKind::Json.has_field(br#"{"a":{"k":1},"K":2}"#, "k"));
        assert!(!BodyKind::Json.has_field(b"", "k"));
        assert!(BodyKind::Form.has_field(b"a=1&%6B=2", "k"));
    }
}
