//! AWS Signature Version 4 of a request, in its header or in its query.

use http::HeaderValue;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::aws_keys::AwsKeys;
use super::aws_request::{SignedHeaders, append, canonical, hash};
use super::aws_sigv4::{AwsSigV4, SignedIn, X_AMZ_CONTENT_SHA256, X_AMZ_DATE, X_AMZ_SECURITY_TOKEN};
use super::encoding::hex;
use super::header;
use super::unsigned::{Fresh, Signed, Unsigned, in_pieces};
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::sign::Hash;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// When a request is signed, and for what.
struct SigningScope {
    time: String,
    date: String,
    text: String,
}

impl AwsSigV4 {
    /// Signs a request with everything in it that AWS's servers look at.
    pub(super) fn sign(&self, request: &Unsigned<'_>, fresh: &Fresh) -> Result<Signed, Error> {
        let time = fresh.time.strftime("%Y%m%dT%H%M%SZ").to_string();
        let date = time.split('T').next().unwrap_or_default().to_owned();
        let text = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let scope = SigningScope { time, date, text };
        let payload = self.payload(request)?;
        let keys = self.keys.as_ref().ok_or_else(|| unusable("its temporary keys are not there"))?;
        match self.place {
            SignedIn::Header => self.sign_header(keys, request, &scope, &payload),
            SignedIn::Query(lifetime) => self.sign_query(keys, request, &scope, &payload, lifetime.as_secs()),
        }
    }

    fn payload(&self, request: &Unsigned<'_>) -> Result<String, Error> {
        match request.body {
            _ if self.unsigned_payload => Ok(UNSIGNED_PAYLOAD.to_owned()),
            Some(body) => Ok(hash(body)),
            None if self.is_s3() => Err(in_pieces_for_s3()),
            None => Err(in_pieces()),
        }
    }

    fn sign_header(
        &self,
        keys: &AwsKeys,
        request: &Unsigned<'_>,
        scope: &SigningScope,
        payload: &str,
    ) -> Result<Signed, Error> {
        let mut filled = vec![(X_AMZ_DATE, value(&scope.time)?)];
        if self.is_s3() {
            filled.push((X_AMZ_CONTENT_SHA256, value(payload)?));
        }
        if let Some(token) = &keys.session_token {
            filled.push((X_AMZ_SECURITY_TOKEN, header::value(b"", token.expose())?));
        }
        let headers = SignedHeaders::of(request.uri, &request.headers_with(&filled))?;
        let query = request.uri.query().unwrap_or_default();
        let signature = self.signature(keys, scope, &canonical(request, &headers, query, payload, self.is_s3())?);
        let (key_id, scope, names) = (&keys.id, &scope.text, &headers.names);
        let authorization = Zeroizing::new(format!(
            "{ALGORITHM} Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
        ));
        filled.push((AUTHORIZATION, header::value(b"", authorization.as_bytes())?));
        Ok(Signed { headers: filled, query: None, secrets: keys.secrets(signature) })
    }

    fn sign_query(
        &self,
        keys: &AwsKeys,
        request: &Unsigned<'_>,
        scope: &SigningScope,
        payload: &str,
        seconds: u64,
    ) -> Result<Signed, Error> {
        let headers = SignedHeaders::of(request.uri, request.headers)?;
        let credential = format!("{}/{}", keys.id, scope.text);
        let seconds = seconds.to_string();
        let mut parameters = vec![
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &scope.time),
            ("X-Amz-Expires", &seconds),
            ("X-Amz-SignedHeaders", &headers.names),
        ];
        let token = keys.session_token.as_ref().map(|token| std::str::from_utf8(token.expose())).transpose();
        let token = token.map_err(|_| unusable("its session token is no text"))?;
        parameters.extend(token.map(|token| ("X-Amz-Security-Token", token)));
        let query = Zeroizing::new(append(request.uri.query().unwrap_or_default(), &parameters));
        let signature = self.signature(keys, scope, &canonical(request, &headers, &query, payload, self.is_s3())?);
        let query = Zeroizing::new(append(&query, &[("X-Amz-Signature", &signature)]));
        Ok(Signed { headers: Vec::new(), query: Some(query), secrets: keys.secrets(signature) })
    }

    fn signature(&self, keys: &AwsKeys, scope: &SigningScope, canonical: &str) -> String {
        let SigningScope { time, date, text } = scope;
        let text = format!("{ALGORITHM}\n{time}\n{text}\n{}", hash(canonical.as_bytes()));
        hex(Hash::Sha256.mac(&self.key(keys, date), [text.as_bytes()]).expose())
    }

    /// The key of a day, a region and a service.
    fn key(&self, keys: &AwsKeys, date: &str) -> Secret {
        let mut first = Zeroizing::new(Vec::with_capacity("AWS4".len() + keys.secret.expose().len()));
        first.extend_from_slice(b"AWS4");
        first.extend_from_slice(keys.secret.expose());
        let steps = [date, &self.region, &self.service, "aws4_request"];
        steps.into_iter().fold(Secret::from(first), |key, step| Hash::Sha256.mac(&key, [step.as_bytes()]))
    }
}

fn value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text).map_err(|_| unusable("it fills a header with what none can carry"))
}

fn unusable(why: &'static str) -> Error {
    Error::new(Code::CredentialUnusable, why)
}

/// Of a body that is read while it is sent.
fn in_pieces_for_s3() -> Error {
    let why =
        "the body is signed, and is read in pieces while it is sent: give it as a text, or seal \"unsigned_payload\"";
    Error::new(Code::PlacementConflict, why)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, Method, Uri};
    use jiff::Timestamp;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::credential::aws_sigv4::parse;

    /// A file of further requests that botocore has signed, made by `tests/vectors/sigv4.py`.
    const MORE: &str = "SECURE_OUTBOUND_SIGV4";

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
        #[serde(default)]
        name: String,
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        body: String,
        token: Option<String>,
        region: String,
        service: String,
        #[serde(default)]
        unsigned: bool,
        lifetime: Option<u64>,
        #[serde(default)]
        canonical: String,
        #[serde(default)]
        signature: String,
        #[serde(default)]
        query_canonical: String,
        #[serde(default)]
        query_signature: String,
        authorization: Option<String>,
        signed_query: Option<String>,
    }

    /// What a request is made of that is signed.
    struct Parts {
        method: Method,
        uri: Uri,
        headers: HeaderMap,
    }

    impl Parts {
        fn of(case: &Case) -> Self {
            let field = |(name, value): &(String, String)| {
                (HeaderName::try_from(name).expect("a name"), value.parse::<HeaderValue>().expect("a value"))
            };
            let mut headers = HeaderMap::new();
            case.headers.iter().map(field).for_each(|(name, value)| {
                headers.append(name, value);
            });
            let method = Method::try_from(case.method.as_str()).expect("a method");
            Self { method, uri: Uri::try_from(&case.url).expect("a URL"), headers }
        }

        fn unsigned<'a>(&'a self, body: Option<&'a [u8]>) -> Unsigned<'a> {
            Unsigned { method: &self.method, uri: &self.uri, headers: &self.headers, body, id: None }
        }
    }

    impl Vectors {
        fn read() -> Self {
            serde_json::from_str(include_str!("../../tests/vectors/sigv4.json")).expect("JSON")
        }

        fn key(&self, case: &Case, lifetime: Option<u64>) -> AwsSigV4 {
            let mut payload = json!({
                "access_key_id": self.key_id, "secret_access_key": self.secret, "region": case.region,
                "service": case.service, "unsigned_payload": case.unsigned, "binding": {"hosts": ["a.example"]},
            });
            if let Some(token) = &case.token {
                payload["session_token"] = json!(token);
            }
            if let Some(lifetime) = lifetime {
                payload["in"] = json!("query");
                payload["lifetime"] = json!(lifetime);
            }
            parse(payload.to_string().as_bytes()).expect("a payload").0
        }

        fn signed(&self, case: &Case, lifetime: Option<u64>, body: Option<&[u8]>) -> Result<Signed, Error> {
            let fresh = Fresh { time: Timestamp::from_second(self.time).expect("a time"), nonce: String::new() };
            self.key(case, lifetime).sign(&Parts::of(case).unsigned(body), &fresh)
        }
    }

    fn headers(signed: Signed) -> HeaderMap {
        assert!(signed.query.is_none());
        signed.headers.into_iter().collect()
    }

    #[test]
    fn the_signing_test_suite_of_aws_in_the_header() {
        let vectors = Vectors::read();
        assert!(vectors.suite.len() > 15, "{}", vectors.suite.len());
        for case in &vectors.suite {
            let mut parts = Parts::of(case);
            parts.headers.insert(X_AMZ_DATE, "20150830T123600Z".parse().expect("a value"));
            if let Some(token) = &case.token {
                parts.headers.insert(X_AMZ_SECURITY_TOKEN, token.parse().expect("a value"));
            }
            let names = SignedHeaders::of(&parts.uri, &parts.headers).expect("text");
            let query = parts.uri.query().unwrap_or_default();
            let body = case.body.as_bytes();
            let made = canonical(&parts.unsigned(None), &names, query, &hash(body), false).expect("a request");
            assert_eq!(made, case.canonical, "{}", case.name);
            let signed = headers(vectors.signed(case, None, Some(body)).expect("signs"));
            let authorization = signed[AUTHORIZATION].to_str().expect("text");
            assert!(
                authorization.ends_with(&format!("Signature={}", case.signature)),
                "{}: {authorization}",
                case.name
            );
        }
    }

    #[test]
    fn the_signing_test_suite_of_aws_in_the_query() {
        let vectors = Vectors::read();
        for case in &vectors.suite {
            let signed = vectors.signed(case, case.lifetime, Some(case.body.as_bytes())).expect("signs");
            assert!(signed.headers.is_empty());
            let query = signed.query.expect("a query");
            let (query, signature) = query.rsplit_once("&X-Amz-Signature=").expect("a signature");
            let parts = Parts::of(case);
            let names = SignedHeaders::of(&parts.uri, &parts.headers).expect("text");
            let payload = hash(case.body.as_bytes());
            let made = canonical(&parts.unsigned(None), &names, query, &payload, false).expect("a request");
            assert_eq!(made, case.query_canonical, "{}", case.name);
            assert_eq!(signature, case.query_signature, "{}", case.name);
        }
    }

    #[test]
    fn botocore_signs_alike() {
        let mut vectors = Vectors::read();
        if let Ok(more) = std::env::var(MORE) {
            let more: Vectors = serde_json::from_slice(&std::fs::read(more).expect(MORE)).expect("JSON");
            vectors.botocore.extend(more.botocore);
        }
        let (mut in_header, mut in_query) = (0, 0);
        for case in &vectors.botocore {
            let signed = vectors.signed(case, case.lifetime, Some(case.body.as_bytes())).expect(&case.url);
            match &case.signed_query {
                Some(query) => {
                    in_query += 1;
                    assert_eq!(signed.query.as_deref(), Some(query), "{} {}", case.method, case.url);
                    assert!(signed.headers.is_empty());
                }
                None => {
                    in_header += 1;
                    in_the_header(&vectors, case, &headers(signed));
                }
            }
            let without = vectors.signed(case, case.lifetime, None);
            match case.unsigned {
                true => assert!(without.is_ok()),
                false => assert_eq!(without.err().map(|error| error.code), Some(Code::PlacementConflict)),
            }
        }
        assert!(in_header > 100 && in_query > 100, "{in_header} {in_query}");
        println!("{in_header} requests signed in the header and {in_query} in the query as by botocore");
    }

    fn in_the_header(vectors: &Vectors, case: &Case, signed: &HeaderMap) {
        let authorization = signed[AUTHORIZATION].to_str().ok();
        assert_eq!(authorization, case.authorization.as_deref(), "{} {}", case.method, case.url);
        assert_eq!(signed.contains_key(X_AMZ_CONTENT_SHA256), case.service == "s3");
        let token = signed.get(X_AMZ_SECURITY_TOKEN);
        assert_eq!(token.and_then(|token| token.to_str().ok()), case.token.as_deref());
        assert!(token.is_none_or(HeaderValue::is_sensitive));
        if case.unsigned {
            let without = headers(vectors.signed(case, None, None).expect("signs"));
            assert_eq!(without[AUTHORIZATION], signed[AUTHORIZATION]);
        }
    }

    #[test]
    fn a_plus_in_a_query_is_refused() {
        let vectors = Vectors::read();
        let case =
            Case { url: "https://a.example/?a=b+c".to_owned(), ..vectors.suite.into_iter().next().expect("a case") };
        let vectors = Vectors::read();
        for lifetime in [None, Some(300)] {
            let refused = vectors.signed(&case, lifetime, Some(b""));
            assert_eq!(refused.err().map(|error| error.code), Some(Code::Malformed));
        }
    }
}
