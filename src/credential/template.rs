//! What an owner wants to have signed or filled in: a text with the parts of a request in it.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, Method, Uri};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use super::encoding::Encoding;
use super::header;
use super::unsigned::in_pieces;
use crate::error::{Code, Error};
use crate::secret::json::Invalid;
use crate::sign::Hash;

/// A text with parts in braces; a brace itself is written twice.
pub(super) struct Template(Vec<Part>);

enum Part {
    Text(String),
    Method,
    Host,
    Path,
    Query,
    Target,
    Url,
    Id,
    Time(TimeForm),
    Nonce,
    Body,
    BodyDigest(Hash, Encoding),
    Header(HeaderName),
    Signature,
}

enum TimeForm {
    Seconds,
    Milliseconds,
    Rfc3339,
    Http,
}

/// What the parts stand for in one attempt.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub method: &'a Method,
    pub uri: &'a Uri,
    /// The query, with what was put into it so far.
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    /// None where it comes while it is sent.
    pub body: Option<&'a [u8]>,
    /// The idempotency key.
    pub id: Option<&'a str>,
    pub time: Timestamp,
    pub nonce: &'a str,
    /// None while it is made.
    pub signature: Option<&'a [u8]>,
}

impl Template {
    /// Reads one.
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, behind) = rest.split_at_checked(at).ok_or(Invalid)?;
            plain.push_str(before);
            let doubled = ["{{", "}}"].into_iter().find_map(|brace| Some((brace, behind.strip_prefix(brace)?)));
            if let Some((brace, behind)) = doubled {
                plain.extend(brace.chars().next());
                rest = behind;
                continue;
            }
            let (name, behind) = behind.strip_prefix('{').and_then(|part| part.split_once('}')).ok_or(Invalid)?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::parse(name)?);
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// Whether anything of it is a request's.
    pub(super) fn has_parts(&self) -> bool {
        self.0.iter().any(|part| !matches!(part, Part::Text(_)))
    }

    /// Whether it says when the request is made.
    pub(super) fn has_time(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Time(_)))
    }

    /// Whether the signature is in it.
    pub(super) fn has_signature(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Signature))
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its pieces in a scene, in their order.
    pub(super) fn render<'a>(&'a self, scene: Scene<'a>) -> Result<Vec<Cow<'a, [u8]>>, Error> {
        self.0.iter().map(|part| part.render(scene)).collect()
    }
}

impl Part {
    fn parse(name: &str) -> Result<Self, Invalid> {
        let (name, form) = match name.split_once(':') {
            Some((name, form)) => (name, Some(form)),
            None => (name, None),
        };
        match (name, form) {
            ("method", None) => Ok(Self::Method),
            ("host", None) => Ok(Self::Host),
            ("path", None) => Ok(Self::Path),
            ("query", None) => Ok(Self::Query),
            ("target", None) => Ok(Self::Target),
            ("url", None) => Ok(Self::Url),
            ("id", None) => Ok(Self::Id),
            ("time", None) => Ok(Self::Time(TimeForm::Seconds)),
            ("time", Some("ms")) => Ok(Self::Time(TimeForm::Milliseconds)),
            ("time", Some("rfc3339")) => Ok(Self::Time(TimeForm::Rfc3339)),
            ("time", Some("http")) => Ok(Self::Time(TimeForm::Http)),
            ("nonce", None) => Ok(Self::Nonce),
            ("body", None) => Ok(Self::Body),
            ("body", Some(form)) => {
                let (hash, encoding) = form.split_once(':').ok_or(Invalid)?;
                let (hash, encoding) = (Hash::from_name(hash), Encoding::from_name(encoding));
                Ok(Self::BodyDigest(hash.ok_or(Invalid)?, encoding.ok_or(Invalid)?))
            }
            ("header", Some(name)) => header::settable(name.as_bytes()).map(Self::Header).ok_or(Invalid),
            ("signature", None) => Ok(Self::Signature),
            _ => Err(Invalid),
        }
    }

    fn render<'a>(&'a self, scene: Scene<'a>) -> Result<Cow<'a, [u8]>, Error> {
        let text = |text: String| Cow::Owned(text.into_bytes());
        let host = || scene.uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let target = || match scene.query {
            Some(query) => Cow::Owned(format!("{}?{query}", scene.uri.path())),
            None => Cow::Borrowed(scene.uri.path()),
        };
        Ok(match self {
            Self::Text(text) => Cow::Borrowed(text.as_bytes()),
            Self::Method => Cow::Borrowed(scene.method.as_str().as_bytes()),
            Self::Host => Cow::Borrowed(host().as_bytes()),
            Self::Path => Cow::Borrowed(scene.uri.path().as_bytes()),
            Self::Query => Cow::Borrowed(scene.query.unwrap_or_default().as_bytes()),
            Self::Target => text(target().into_owned()),
            Self::Url => text(format!("{}://{}{}", scene.uri.scheme_str().unwrap_or_default(), host(), target())),
            Self::Id => Cow::Borrowed(scene.id.ok_or_else(without_id)?.as_bytes()),
            Self::Time(form) => text(form.write(scene.time)),
            Self::Nonce => Cow::Borrowed(scene.nonce.as_bytes()),
            Self::Body => Cow::Borrowed(scene.body.ok_or_else(in_pieces)?),
            Self::BodyDigest(hash, encoding) => {
                let digest = hash.digest(scene.body.ok_or_else(in_pieces)?);
                Cow::Owned(std::mem::take(&mut *encoding.encode(&digest)))
            }
            Self::Header(name) => {
                let mut values = scene.headers.get_all(name).iter();
                match (values.next(), values.next()) {
                    (Some(value), None) => Cow::Borrowed(value.as_bytes()),
                    _ => return Err(not_once()),
                }
            }
            Self::Signature => Cow::Borrowed(scene.signature.unwrap_or_default()),
        })
    }
}

impl TimeForm {
    fn write(&self, time: Timestamp) -> String {
        match self {
            Self::Seconds => time.as_second().to_string(),
            Self::Milliseconds => time.as_millisecond().to_string(),
            Self::Rfc3339 => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            // It has a text for every moment of four digits' years.
            Self::Http => DateTimePrinter::new().timestamp_to_rfc9110_string(&time).unwrap_or_default(),
        }
    }
}

fn without_id() -> Error {
    Error::new(Code::Malformed, "the request has no idempotency_key, which is signed: give it one")
}

/// The name is under the seal and stays there.
fn not_once() -> Error {
    let why = "a header that is signed is missing in the request, or is there twice: look into the sealed template";
    Error::new(Code::Malformed, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str, change: impl FnOnce(&mut Scene<'_>)) -> Result<String, Code> {
        let headers = HeaderMap::from_iter(
            [("x-a", "one"), ("x-b", "first"), ("x-b", "second")]
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value"))),
        );
        let mut scene = Scene {
            method: &Method::PUT,
            uri: &Uri::from_static("https://api.example:8443/a%20b"),
            query: Some("k=%2F&l"),
            headers: &headers,
            body: Some(b"abc"),
            id: Some("order-7"),
            time: Timestamp::from_millisecond(1_614_265_330_987).expect("a time"),
            nonce: "n0nce",
            signature: None,
        };
        change(&mut scene);
        let template = Template::parse(template).expect("a template");
        template
            .render(scene)
            .map(|pieces| String::from_utf8(pieces.concat()).expect("text"))
            .map_err(|error| error.code)
    }

    #[test]
    fn every_part() {
        for (template, expected) in [
            ("{method}\n{host}\n{path}\n{query}\n", "PUT\napi.example:8443\n/a%20b\nk=%2F&l\n"),
            ("{target}", "/a%20b?k=%2F&l"),
            ("{url}", "https://api.example:8443/a%20b?k=%2F&l"),
            ("{id}.{nonce}.{body}", "order-7.n0nce.abc"),
            ("{time} {time:ms}", "1614265330 1614265330987"),
            ("{time:rfc3339} {time:http}", "2021-02-25T15:02:10Z Thu, 25 Feb 2021 15:02:10 GMT"),
            ("{body:sha1:hex}", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("{body:sha256:base64}", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
            ("{body:sha256:base64url}", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0="),
            ("{header:X-A}", "one"),
            ("{{{method}}}", "{PUT}"),
            ("a}}b{{c", "a}b{c"),
            ("", ""),
        ] {
            assert_eq!(rendered(template, |_| {}).as_deref(), Ok(expected), "{template}");
        }
        assert_eq!(rendered("{query}|{target}", |scene| scene.query = None).as_deref(), Ok("|/a%20b"));
    }

    #[test]
    fn what_is_missing_or_there_twice_is_refused() {
        assert_eq!(rendered("{id}", |scene| scene.id = None), Err(Code::Malformed));
        assert_eq!(rendered("{body}", |scene| scene.body = None), Err(Code::PlacementConflict));
        assert_eq!(rendered("{body:sha512:hex}", |scene| scene.body = None), Err(Code::PlacementConflict));
        assert_eq!(rendered("{header:x-b}", |_| {}), Err(Code::Malformed));
        assert_eq!(rendered("{header:x-c}", |_| {}), Err(Code::Malformed));
    }

    #[test]
    fn what_is_no_template() {
        for template in [
            "{",
            "}",
            "{method",
            "method}",
            "{}",
            "{Method}",
            "{ method}",
            "{method:x}",
            "{time:}",
            "{body:md5:hex}",
            "{body:sha256}",
            "{body:sha256:HEX}",
            "{header}",
            "{header:}",
            "{header:a b}",
            "{header:host}",
            "{key}",
        ] {
            assert!(Template::parse(template).is_err(), "{template}");
        }
    }
}
