//! The payload of `hmac`: a key, what is signed with it, and where the signature goes.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::binding::Binding;
use super::encoding::{Encoding, KeyText};
use super::payload::{check_kind, plain, utf8};
use super::template::{Scene, Template};
use super::unsigned::{Fresh, Signed, Unsigned};
use super::{header, urlencoded};
use crate::document::CredentialKind;
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::secret::json::{Invalid, entries, members, text};
use crate::sign::Hash;

/// Bytes of a key at least. A shorter one could be found from one signed request.
const SHORTEST_KEY: usize = 16;

/// A keyed hash of a template, as it was sealed.
pub struct Hmac {
    key: Secret,
    hash: Hash,
    template: Template,
    encoding: Encoding,
    headers: Vec<(HeaderName, Template)>,
    query: Vec<(String, Template)>,
}

/// Reads a payload.
pub(super) fn parse(payload: &[u8]) -> Result<(Hmac, Binding), Invalid> {
    let names = ["key", "key_encoding", "alg", "template", "encoding", "headers", "query", "type", "binding"];
    let [key, form, alg, template, encoding, headers, query, kind, binding] = members(utf8(payload)?, names)?;
    check_kind(kind, CredentialKind::Hmac)?;
    let form = form.map_or(Ok(KeyText::Text), |form| named(form, KeyText::from_name))?;
    let key = form.decode(text(key.ok_or(Invalid)?)?)?;
    let hash = named(alg.ok_or(Invalid)?, Hash::from_name)?;
    let template = read(template.ok_or(Invalid)?)?;
    let encoding = encoding.map_or(Ok(Encoding::Hex), |encoding| named(encoding, Encoding::from_name))?;
    let headers = filled(headers, |name| header::settable(name.as_bytes()))?;
    let query = filled(query, |name| (!name.is_empty()).then(|| name.to_owned()))?;
    let places = || headers.iter().map(|(_, value)| value).chain(query.iter().map(|(_, value)| value));
    let is_sound = key.expose().len() >= SHORTEST_KEY
        && template.has_parts()
        && !template.has_signature()
        && places().any(Template::has_signature)
        && !places().any(Template::is_empty);
    if !is_sound {
        return Err(Invalid);
    }
    let binding = Binding::of_key(binding)?;
    Ok((Hmac { key, hash, template, encoding, headers, query }, binding))
}

fn named<T>(value: &RawValue, from_name: impl Fn(&str) -> Option<T>) -> Result<T, Invalid> {
    from_name(&plain(value)?).ok_or(Invalid)
}

fn read(value: &RawValue) -> Result<Template, Invalid> {
    let text: String = serde_json::from_str(value.get()).map_err(|_| Invalid)?;
    Template::parse(&text)
}

/// Places of one kind, each once, and what they are filled with.
fn filled<N: PartialEq>(
    value: Option<&RawValue>,
    place: impl Fn(&str) -> Option<N>,
) -> Result<Vec<(N, Template)>, Invalid> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let mut places: Vec<(N, Template)> = Vec::new();
    for (name, template) in entries(value.get())? {
        let name = place(&name).ok_or(Invalid)?;
        // Names of headers that differ in case only are one.
        if places.iter().any(|(taken, _)| *taken == name) {
            return Err(Invalid);
        }
        places.push((name, read(template)?));
    }
    Ok(places)
}

impl Hmac {
    pub(super) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.headers.iter().map(|(name, _)| name)
    }

    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.query.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn is_timed(&self) -> bool {
        let places = self.headers.iter().map(|(_, value)| value).chain(self.query.iter().map(|(_, value)| value));
        places.chain([&self.template]).any(Template::has_time)
    }

    /// Fills in what has no signature, signs the request with it, and fills in the rest.
    pub(super) fn sign(&self, request: &Unsigned<'_>, fresh: &Fresh) -> Result<Signed, Error> {
        let draft = Scene {
            method: request.method,
            uri: request.uri,
            query: request.uri.query(),
            headers: request.headers,
            body: request.body,
            id: request.id,
            time: fresh.time,
            nonce: &fresh.nonce,
            signature: None,
        };
        let mut filled = self.fill_headers(draft)?;
        let headers = request.headers_with(&filled);
        let query = self.fill_query(draft)?;
        let dated =
            Scene { headers: &headers, query: query.as_ref().map(|query| query.as_str()).or(draft.query), ..draft };
        let message = self.template.render(dated)?;
        let signature = self.encoding.encode(self.hash.mac(&self.key, message.iter().map(Cow::as_ref)).expose());
        let signed = Scene { signature: Some(&signature), ..dated };
        filled.extend(self.fill_headers(signed)?);
        let query = self.fill_query(signed)?.or(query.clone());
        Ok(Signed { headers: filled, query, secrets: vec![Secret::new(signature.to_vec())] })
    }

    /// Those with the signature where there is one, else those without.
    fn fill_headers(&self, scene: Scene<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, Error> {
        let turn = self.headers.iter().filter(|(_, template)| template.has_signature() == scene.signature.is_some());
        turn.map(|(name, template)| {
            let text = Zeroizing::new(template.render(scene)?.concat());
            let unusable = |_| unusable("a header that it fills would be empty or hold what no header can");
            Ok((name.clone(), header::value(b"", &text).map_err(unusable)?))
        })
        .collect()
    }

    /// The query with the parameters whose turn it is, if there are any.
    fn fill_query(&self, scene: Scene<'_>) -> Result<Option<Zeroizing<String>>, Error> {
        let turn = self.query.iter().filter(|(_, template)| template.has_signature() == scene.signature.is_some());
        let fields: Vec<(String, Secret)> = turn
            .map(|(name, template)| Ok((name.clone(), Secret::new(template.render(scene)?.concat()))))
            .collect::<Result<_, Error>>()?;
        if fields.is_empty() {
            return Ok(None);
        }
        let query = urlencoded::append(scene.query.unwrap_or_default().as_bytes(), &fields);
        let text = std::str::from_utf8(&query).map_err(|_| unusable("the query with what it fills is no text"))?;
        Ok(Some(Zeroizing::new(text.to_owned())))
    }
}

fn unusable(why: &'static str) -> Error {
    Error::new(Code::CredentialUnusable, why)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, Uri};
    use jiff::Timestamp;

    use super::*;
    use crate::policy::vectors::section;

    #[test]
    fn misspelt_is_refused() {
        for (payload, is_sound) in section::<Vec<(String, bool)>>("hmacs") {
            assert_eq!(parse(payload.as_bytes()).is_ok(), is_sound, "{payload}");
        }
    }

    fn signed(
        payload: &str,
        uri: &'static str,
        headers: &HeaderMap,
        body: &[u8],
        id: Option<&str>,
    ) -> (Vec<String>, String) {
        let (hmac, _) = parse(payload.as_bytes()).expect("a payload");
        let uri = Uri::from_static(uri);
        let request = Unsigned { method: &Method::POST, uri: &uri, headers, body: Some(body), id };
        let time = Timestamp::from_second(1_614_265_330).expect("a time");
        let signed = hmac.sign(&request, &Fresh { time, nonce: "n0nce".to_owned() }).expect("signs");
        let text = |(name, value): &(HeaderName, HeaderValue)| {
            assert!(value.is_sensitive());
            format!("{name}: {}", value.to_str().expect("text"))
        };
        let query = signed.query.as_ref().map(|query| query.to_string()).unwrap_or_default();
        (signed.headers.iter().map(text).collect(), query)
    }

    /// The message, key and signature that the specification of Standard Webhooks and its libraries have as their example.
    #[test]
    fn standard_webhooks() {
        let payload = r#"{
            "key": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "key_encoding": "base64", "alg": "sha256",
            "template": "{id}.{time}.{body}", "encoding": "base64",
            "headers": {"webhook-id": "{id}", "webhook-timestamp": "{time}", "webhook-signature": "v1,{signature}"},
            "binding": {"hosts": ["hooks.example"]}
        }"#;
        let id = Some("msg_p5jXN8AQM9LWM0D4loKWxJek");
        let (headers, query) =
            signed(payload, "https://hooks.example/", &HeaderMap::new(), br#"{"test": 2432232314}"#, id);
        assert_eq!(
            headers,
            [
                "webhook-id: msg_p5jXN8AQM9LWM0D4loKWxJek",
                "webhook-timestamp: 1614265330",
                "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ]
        );
        assert_eq!(query, "");
    }

    /// The example of Google's page on signed URLs: key, URL and signature.
    #[test]
    fn google_maps() {
        let payload = r#"{
            "key": "vNIXE0xscrmjlyV-12Nj_BvUPaw=", "key_encoding": "base64url", "alg": "sha1",
            "template": "{target}", "encoding": "base64url", "query": {"signature": "{signature}"},
            "binding": {"hosts": ["maps.googleapis.com"]}
        }"#;
        let uri = "https://maps.googleapis.com/maps/api/geocode/json?address=New+York&client=clientID";
        let (headers, query) = signed(payload, uri, &HeaderMap::new(), b"", None);
        assert!(headers.is_empty());
        assert_eq!(query, "address=New+York&client=clientID&signature=chaRF2hTJKOScPr-RQCEhZbSzIE%3D");
    }

    /// What has no signature in it is there before the rest is signed.
    #[test]
    fn what_is_filled_in_is_signed() {
        let payload = r#"{
            "key": "0123456789abcdef", "alg": "sha256",
            "template": "{query}\n{header:x-time}\n{header:x-a}",
            "headers": {"X-Time": "{time}", "authorization": "HMAC {nonce}:{signature}"},
            "query": {"nonce": "{nonce}", "sig": "{signature}"},
            "binding": {"hosts": ["a.example"]}
        }"#;
        let own = HeaderMap::from_iter([(HeaderName::from_static("x-a"), HeaderValue::from_static("a"))]);
        let (headers, query) = signed(payload, "https://a.example/?k=v", &own, b"", None);
        let message = [&b"k=v&nonce=n0nce\n1614265330\na"[..]];
        let mac = Hash::Sha256.mac(&Secret::new(b"0123456789abcdef".to_vec()), message);
        let mac = super::super::encoding::hex(mac.expose());
        assert_eq!(headers, ["x-time: 1614265330".to_owned(), format!("authorization: HMAC n0nce:{mac}")]);
        assert_eq!(query, format!("k=v&nonce=n0nce&sig={mac}"));
    }
}
