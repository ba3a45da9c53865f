//! The payload of `aws_sigv4`: a key of AWS, and for which region and service it signs.

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::aws_request::{canonical, hash};
use super::binding::Binding;
use super::encoding::hex;
use super::header;
use super::payload::{check_kind, plain, utf8};
use super::unsigned::{Fresh, Signed, Unsigned, in_pieces};
use crate::document::CredentialKind;
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::secret::json::{Invalid, members, text};
use crate::sign::Hash;

const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const X_AMZ_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// The fields that every such signature fills, whatever is sealed.
pub(super) static FILLED: [HeaderName; 3] = [AUTHORIZATION, X_AMZ_DATE, X_AMZ_SECURITY_TOKEN];

/// The field that it fills for S3 alone.
static FILLED_FOR_S3: [HeaderName; 1] = [X_AMZ_CONTENT_SHA256];

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Characters of a secret key at least. Those of AWS have 40, those of other stores fewer.
const SHORTEST_KEY: usize = 8;

/// A key of AWS, as it was sealed.
pub struct AwsSigV4 {
    key_id: String,
    secret_key: Secret,
    session_token: Option<Secret>,
    region: String,
    service: String,
    unsigned_payload: bool,
}

/// Reads a payload.
pub(super) fn parse(payload: &[u8]) -> Result<(AwsSigV4, Binding), Invalid> {
    let names = [
        "access_key_id",
        "secret_access_key",
        "session_token",
        "region",
        "service",
        "unsigned_payload",
        "type",
        "binding",
    ];
    let [key_id, secret_key, token, region, service, unsigned, kind, binding] = members(utf8(payload)?, names)?;
    check_kind(kind, CredentialKind::AwsSigv4)?;
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let signer = AwsSigV4 {
        key_id: of_bytes(key_id, |byte| byte.is_ascii_graphic() && !b"/,=".contains(&byte))?,
        secret_key: text(secret_key.ok_or(Invalid)?)?,
        session_token: token.map(text).transpose()?,
        region: of_bytes(region, is_name)?,
        service: of_bytes(service, is_name)?,
        unsigned_payload: unsigned.map_or(Ok(false), |value| serde_json::from_str(value.get()).map_err(|_| Invalid))?,
    };
    let is_token = |token: &Secret| !token.expose().is_empty() && token.expose().iter().all(u8::is_ascii_graphic);
    let is_sound = signer.secret_key.expose().len() >= SHORTEST_KEY
        && signer.session_token.as_ref().is_none_or(is_token)
        && (signer.is_s3() || !signer.unsigned_payload);
    if !is_sound {
        return Err(Invalid);
    }
    Ok((signer, Binding::of_key(binding)?))
}

fn of_bytes(value: Option<&RawValue>, is_allowed: impl Fn(u8) -> bool) -> Result<String, Invalid> {
    let text = plain(value.ok_or(Invalid)?)?;
    if text.bytes().all(is_allowed) { Ok(text) } else { Err(Invalid) }
}

impl AwsSigV4 {
    fn is_s3(&self) -> bool {
        self.service == "s3"
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        let of_s3: &[HeaderName] = if self.is_s3() { &FILLED_FOR_S3 } else { &[] };
        FILLED.iter().chain(of_s3)
    }

    /// Signs a request with everything in it that AWS's servers look at.
    pub(super) fn sign(&self, request: &Unsigned<'_>, fresh: &Fresh) -> Result<Signed, Error> {
        let time = fresh.time.strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = time.split('T').next().unwrap_or_default();
        let payload = match request.body {
            _ if self.unsigned_payload => UNSIGNED_PAYLOAD.to_owned(),
            Some(body) => hash(body),
            None if self.is_s3() => return Err(in_pieces_for_s3()),
            None => return Err(in_pieces()),
        };
        let mut filled = vec![(X_AMZ_DATE, value(&time)?)];
        if self.is_s3() {
            filled.push((X_AMZ_CONTENT_SHA256, value(&payload)?));
        }
        if let Some(token) = &self.session_token {
            filled.push((X_AMZ_SECURITY_TOKEN, header::value(b"", token.expose())?));
        }
        let headers = request.headers_with(&filled);
        let canonical = canonical(request, &headers, &payload, self.is_s3())?;
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", hash(canonical.text.as_bytes()));
        let signature = hex(Hash::Sha256.mac(&self.key(date), [text.as_bytes()]).expose());
        let (key_id, signed_headers) = (&self.key_id, &canonical.signed_headers);
        let authorization = Zeroizing::new(format!(
            "{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={signed_headers}, Signature={signature}"
        ));
        filled.push((AUTHORIZATION, header::value(b"", authorization.as_bytes())?));
        let mut secrets = vec![Secret::new(signature.into_bytes())];
        secrets.extend(self.session_token.as_ref().map(|token| Secret::new(token.expose().to_vec())));
        Ok(Signed { headers: filled, query: None, secrets })
    }

    /// The key of a day, a region and a service.
    fn key(&self, date: &str) -> Secret {
        let mut first = Zeroizing::new(Vec::with_capacity("AWS4".len() + self.secret_key.expose().len()));
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(self.secret_key.expose());
        let steps = [date, &self.region, &self.service, "aws4_request"];
        steps.into_iter().fold(Secret::from(first), |key, step| Hash::Sha256.mac(&key, [step.as_bytes()]))
    }
}

fn value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text)
        .map_err(|_| Error::new(Code::CredentialUnusable, "it fills a header with what none can carry"))
}

/// Of a body that is read while it is sent.
fn in_pieces_for_s3() -> Error {
    let why =
        "the body is signed, and is read in pieces while it is sent: give it as a text, or seal \"unsigned_payload\"";
    Error::new(Code::PlacementConflict, why)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, Uri};
    use jiff::Timestamp;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::policy::vectors::section;

    #[derive(Deserialize)]
    struct Vectors {
        key_id: String,
        secret: String,
        time: i64,
        suite: Vec<Case>,
        botocore: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        name: Option<String>,
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        body: String,
        token: Option<String>,
        region: String,
        service: String,
        #[serde(default)]
        unsigned: bool,
        canonical: Option<String>,
        signature: Option<String>,
        authorization: Option<String>,
    }

    impl Vectors {
        fn read() -> Self {
            serde_json::from_str(include_str!("../../tests/vectors/sigv4.json")).expect("JSON")
        }

        fn key(&self, case: &Case) -> AwsSigV4 {
            let mut payload = json!({
                "access_key_id": self.key_id, "secret_access_key": self.secret, "region": case.region,
                "service": case.service, "unsigned_payload": case.unsigned, "binding": {"hosts": ["a.example"]},
            });
            if let Some(token) = &case.token {
                payload["session_token"] = json!(token);
            }
            parse(payload.to_string().as_bytes()).expect("a payload").0
        }

        fn fresh(&self) -> Fresh {
            Fresh { time: Timestamp::from_second(self.time).expect("a time"), nonce: String::new() }
        }

        /// The fields that the signature fills.
        fn signed(&self, case: &Case, body: Option<&[u8]>) -> Result<HeaderMap, Error> {
            let mut headers = HeaderMap::new();
            for (name, value) in &case.headers {
                headers.append(HeaderName::try_from(name).expect("a name"), value.parse().expect("a value"));
            }
            let (method, uri) = (Method::try_from(case.method.as_str()), Uri::try_from(&case.url));
            let (method, uri) = (method.expect("a method"), uri.expect("a URL"));
            let request = Unsigned { method: &method, uri: &uri, headers: &headers, body, id: None };
            self.key(case).sign(&request, &self.fresh()).map(|signed| signed.headers.into_iter().collect())
        }
    }

    #[test]
    fn the_signing_test_suite_of_aws() {
        let vectors = Vectors::read();
        assert!(vectors.suite.len() > 15, "{}", vectors.suite.len());
        for case in &vectors.suite {
            let name = case.name.as_deref().unwrap_or_default();
            let mut headers = HeaderMap::new();
            for (name, value) in &case.headers {
                headers.append(HeaderName::try_from(name).expect("a name"), value.parse().expect("a value"));
            }
            headers.insert(X_AMZ_DATE, "20150830T123600Z".parse().expect("a value"));
            if let Some(token) = &case.token {
                headers.insert(X_AMZ_SECURITY_TOKEN, token.parse().expect("a value"));
            }
            let (method, uri) = (Method::try_from(case.method.as_str()), Uri::try_from(&case.url));
            let (method, uri) = (method.expect("a method"), uri.expect("a URL"));
            let request = Unsigned { method: &method, uri: &uri, headers: &headers, body: None, id: None };
            let made = canonical(&request, &headers, &hash(case.body.as_bytes()), false).expect("a request");
            assert_eq!(Some(made.text), case.canonical, "{name}");
            let signed = vectors.signed(case, Some(case.body.as_bytes())).expect(name);
            let authorization = signed[AUTHORIZATION].to_str().expect("text");
            let signature = case.signature.as_deref().unwrap_or_default();
            assert!(authorization.ends_with(&format!("Signature={signature}")), "{name}: {authorization}");
        }
    }

    #[test]
    fn botocore_signs_alike() {
        let vectors = Vectors::read();
        assert!(vectors.botocore.len() > 250, "{}", vectors.botocore.len());
        for case in &vectors.botocore {
            let signed = vectors.signed(case, Some(case.body.as_bytes())).expect(&case.url);
            assert_eq!(
                signed[AUTHORIZATION].to_str().ok(),
                case.authorization.as_deref(),
                "{} {}",
                case.method,
                case.url
            );
            assert!(signed.values().all(|value| case.token.is_none() || !value.is_empty()));
            assert_eq!(signed.contains_key(X_AMZ_CONTENT_SHA256), case.service == "s3");
            assert_eq!(
                signed.get(X_AMZ_SECURITY_TOKEN).map(HeaderValue::is_sensitive),
                case.token.as_ref().map(|_| true)
            );
            let without = vectors.signed(case, None);
            match case.unsigned {
                true => assert_eq!(without.expect(&case.url)[AUTHORIZATION], signed[AUTHORIZATION]),
                false => assert_eq!(without.expect_err("refused").code, Code::PlacementConflict),
            }
        }
    }

    #[test]
    fn what_reads_in_two_ways_is_refused() {
        let vectors = Vectors::read();
        let refused = |service: &str, url: &str| {
            let case = Case {
                name: None,
                method: "GET".to_owned(),
                url: format!("https://a.example{url}"),
                headers: Vec::new(),
                body: String::new(),
                token: None,
                region: "r".to_owned(),
                service: service.to_owned(),
                unsigned: false,
                canonical: None,
                signature: None,
                authorization: None,
            };
            vectors.signed(&case, Some(b"")).err().map(|error| error.code)
        };
        for path in ["/a(b", "/a+b", "/%2d", "/%7e", "/%c3%a4", "/a=b"] {
            assert_eq!(refused("s3", path), Some(Code::Malformed), "{path}");
            assert_eq!(refused("ses", path), None, "{path}");
        }
        for path in ["/", "/a%28b/c~d", "/%C3%A4/", "/?versions", "/?a=b%2Bc"] {
            assert_eq!(refused("s3", path), None, "{path}");
        }
        assert_eq!(refused("ses", "/?a=b+c"), Some(Code::Malformed));
    }

    #[test]
    fn misspelt_is_refused() {
        for (payload, is_sound) in section::<Vec<(String, bool)>>("aws_sigv4s") {
            assert_eq!(parse(payload.as_bytes()).is_ok(), is_sound, "{payload}");
        }
    }
}
